import { currentLatent, decoded, imageShape, input, latentOrigin, selectedRow } from '../../state/store.ts';
import { type Shape, toImageData } from '../../ui/pixels.ts';
import type { MapState } from './create-map.ts';
import type { Marks } from './overlay.ts';

/** Makes a function that gives what is drawn over the points now. It reads signals, so an effect that calls it follows them. */
export function marksOf(map: MapState): () => Marks {
  const [ofInput, ofLatent] = [new SmallPicture(), new SmallPicture()];
  return () => {
    const row = selectedRow.value;
    const [inputPlace, latentPlace, shape] = [map.inputPosition.value, map.latentPosition.value, imageShape.value];
    const [hovered, selection] = [map.hovered.value, map.selection.value];
    const own = row === null && input.value?.pixels;
    // The input's own latent is already marked.
    const isOther = currentLatent.value !== null && latentOrigin.value !== 'input';
    return {
      axes: map.dimensions.value,
      selected: row === null ? null : inputPlace,
      neighbours: map.neighbours.value.map((neighbour) => map.positionOf(neighbour.row)),
      hovered: hovered && map.positionOf(hovered.row),
      drawn: own && inputPlace ? { place: inputPlace, picture: ofInput.show(own, shape) } : null,
      decoded: isOther && latentPlace ? { place: latentPlace, picture: ofLatent.show(decoded.value, shape) } : null,
      lasso: selection?.kind === 'lasso' ? selection.polygon : null,
      aim: map.aiming.value,
    };
  };
}

/** A small canvas of pixels, redrawn only when they change. */
class SmallPicture {
  readonly canvas = document.createElement('canvas');
  #shown: Uint8Array | Float32Array | null = null;

  /** @returns the canvas; null without pixels */
  show(pixels: Uint8Array | Float32Array | null, shape: Shape): HTMLCanvasElement | null {
    if (!pixels || pixels.length !== shape.height * shape.width * shape.channels) return null;
    if (pixels !== this.#shown) {
      this.#shown = pixels;
      this.canvas.width = shape.width;
      this.canvas.height = shape.height;
      this.canvas.getContext('2d')?.putImageData(toImageData(pixels, shape), 0, 0);
    }
    return this.canvas;
  }
}
