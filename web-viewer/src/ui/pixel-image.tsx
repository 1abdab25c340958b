import { useLayoutEffect, useRef } from 'preact/hooks';
import { colourMap } from '../state/store.ts';
import { coloursOf } from './colour-map.ts';
import { errorImage, type Shape, toImageData } from './pixels.ts';

interface Props {
  /** Pixels `[H, W, C]`, bytes or floats in [0, 1]; null shows an empty image of the same size. */
  readonly pixels: Uint8Array | Float32Array | null;
  readonly shape: Shape;
  /** Alternative text. */
  readonly label: string;
  /** Draws errors `[H, W]` in colour instead; the error at the end of the scale. */
  readonly errorScale?: number | undefined;
}

/** An image with crisp pixels, as wide as its container. */
export function PixelImage({ pixels, shape, label, errorScale }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const colours = coloursOf(colourMap.value);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    if (!pixels) context.clearRect(0, 0, shape.width, shape.height);
    else if (errorScale !== undefined)
      context.putImageData(errorImage(pixels as Float32Array, shape, errorScale), 0, 0);
    else context.putImageData(toImageData(pixels, shape, colours), 0, 0);
  }, [pixels, shape, errorScale, colours]);
  return (
    <canvas
      ref={canvas}
      class={`pixels ${pixels ? '' : 'empty'}`}
      role="img"
      aria-label={label}
      width={shape.width}
      height={shape.height}
    />
  );
}
