import { nchw, plain, plainValue, Value } from '../../forms.ts';
import { permutedPlaces, product, type Ref, type Shape } from '../../ir.ts';
import { isByChannel } from '../../kernels/conv.ts';
import { inputShape, type WindowAttrs } from '../../kernels/window.ts';
import type { BlockedForms } from './forms.ts';
import { isUsualGradient, usualConvolution } from './geometry.ts';
import { eachPair, FEW, phasesOf, range } from './phases.ts';
import { gatherRows } from './rows.ts';

type Inputs = { readonly dy: Value; readonly filter: Value; readonly bias?: Value };
type Attrs = WindowAttrs & {
  readonly inputShape: Shape;
  readonly activation?: 'relu' | 'linear';
  readonly phased?: boolean;
};

/**
 * Transposed convolutions (the gradient of a convolution by its input) by blocked convolutions of stride 1. With
 * stride s an output row s·m + φ meets only the kernel rows k ≡ φ + pad (mod s): each phase φ of the rows and of the
 * columns is its own convolution, and their outputs are interleaved. Undefined where the sizes do not fit.
 */
export function transposedConv({ block, isBlocked, blocked, phased, kernel, flipped }: BlockedForms) {
  return { conv2dBackpropInput, givesPhases };

  function phasesFor(filter: Shape, attrs: Attrs) {
    const geo = usualConvolution(attrs.inputShape, filter, attrs);
    if (!geo || geo.dilations.some((d) => d !== 1)) return undefined;
    const { inChannels: i, outChannels: o } = geo;
    if (!isBlocked(i) || !(isBlocked(o) || o < block)) return undefined;
    const [rows, columns] = [phasesOf(geo, 0, 'back'), phasesOf(geo, 1, 'back')];
    return rows && columns && { geo, rows, columns };
  }

  /** Whether a transposed convolution can give its images by phases. */
  function givesPhases(filter: Shape, attrs: Attrs): boolean {
    const { inputs = [], strides = [] } = phasesFor(filter, attrs)?.geo ?? {};
    return inputs.length > 0 && inputs.every((d, axis) => d % 2 === 0 && strides[axis] === 2);
  }

  function conv2dBackpropInput({ dy, filter, bias }: Inputs, attrs: Attrs): Value | undefined {
    const phases = phasesFor(filter.shape, attrs);
    if (!phases) return ofFewChannels({ dy, filter, ...(bias && { bias }) }, attrs);
    if (!isUsualGradient(dy, phases.geo)) return undefined;
    if (bias && !isByChannel(bias, phases.geo.inChannels)) return undefined;
    const { geo, rows, columns } = phases;
    const { batch: n, inChannels: i, outChannels: o } = geo;
    const [inHeight = 1, inWidth = 1] = geo.inputs;
    const [filterHeight = 1, filterWidth = 1] = geo.kernel;
    const [height, width] = [Math.ceil(inHeight / rows.length), Math.ceil(inWidth / columns.length)];
    const images = (n * i) / block;
    // The flipped form has its tiles in the order of [O/b, I/b]: each phase's kernel takes them as [I/b, O/b].
    const [outputs, inputs] = [i / block, isBlocked(o) ? o / block : o];
    const tiles = permutedPlaces(isBlocked(o) ? [inputs, outputs] : [outputs, inputs], isBlocked(o) ? [1, 0] : [0, 1]);
    const fused = attrs.activation === 'relu' && ({ activation: 'Relu' } as const);
    return new Value(inputShape(geo), 'float32', attrs.phased ? phased : blocked, (g) => {
      const source = dy.as(isBlocked(o) ? blocked : nchw, g);
      const taps = filter.as(flipped, g);
      const offset = bias && g.reshape(bias.as(plain, g), [i]);
      const parts = eachPair(rows, columns).map(([row, column]) => {
        const [kh, kw] = [row.taps.length, column.taps.length];
        // dy meets the taps in reverse order.
        const places = eachPair(row.taps, column.taps).reverse();
        const used = tiles.flatMap((tile) => places.map(([r, c]) => (tile * filterHeight + r) * filterWidth + c));
        return g['nchwc.Conv'](source, gatherRows(g, taps, used, [i, o, kh, kw]), offset, undefined, {
          kernel_shape: [kh, kw],
          strides: [1, 1],
          dilations: [1, 1],
          pads: [row.back[0], column.back[0], row.back[1], column.back[1]],
          ...fused,
        });
      });
      if (parts.length === 1) return parts[0] as Ref;
      if (attrs.phased) return g.Concat(parts, { axis: 0 });
      const pixels = g.reshape(g.Concat(parts, { axis: 0 }), [parts.length * images * height * width, block]);
      // The pixels of a phase are apart in the image.
      const order = range(images * inHeight * inWidth).map((pixel) => {
        const [x, line] = [pixel % inWidth, Math.floor(pixel / inWidth)];
        const [y, image] = [line % inHeight, Math.floor(line / inHeight)];
        const phase = (y % rows.length) * columns.length + (x % columns.length);
        const row = (phase * images + image) * height + Math.floor(y / rows.length);
        return row * width + Math.floor(x / columns.length);
      });
      return gatherRows(g, pixels, order, [n, i, inHeight, inWidth]);
    });
  }

  /**
   * Of features by phases to images of few channels: tiles of 4 × 4 pixels as channels. Row 4·i + t of the image meets
   * the features in row i + d of phase φ by the tap t − 2·φ + pad − 4·d.
   */
  function ofFewChannels({ dy, filter, bias }: Inputs, attrs: Attrs): Value | undefined {
    const geo = usualConvolution(attrs.inputShape, filter.shape, attrs);
    if (!geo || !dy.has(phased) || !isUsualGradient(dy, geo) || geo.inChannels > FEW) return undefined;
    const { batch: n, inChannels: i, outChannels: o, kernel: size, before, inputs, outputs } = geo;
    const fits = inputs.every(
      (d, axis) => d === 2 * (outputs[axis] ?? 0) && geo.strides[axis] === 2 && geo.dilations[axis] === 1,
    );
    if (!fits || (bias && !isByChannel(bias, i))) return undefined;
    const tapAt = (axis: number, phase: number, t: number, d: number): number | undefined => {
      const tap = t - 2 * phase + (before[axis] ?? 0) - TILE * d;
      return tap >= 0 && tap < (size[axis] ?? 0) ? tap : undefined;
    };
    // The rows of a phase that a tile meets, relative to its own, which is among them so that no pad is negative.
    const rowsOf = (axis: number, phase: number): number[] => {
      const shift = (before[axis] ?? 0) - 2 * phase;
      const first = Math.min(0, Math.ceil((shift - (size[axis] ?? 0) + 1) / TILE));
      return range(Math.max(0, Math.floor((shift + TILE - 1) / TILE)) - first + 1).map((d) => first + d);
    };
    const [h, w] = outputs.map((d) => d / 2) as [number, number];
    const channels = range(i).flatMap((channel) =>
      eachPair(range(TILE), range(TILE)).map(([y, x]) => [y, x, channel] as const),
    );
    return new Value(inputShape(geo), 'float32', nchw, (g) => {
      const [, width = 1] = size;
      const weights = g.reshape(filter.as(plain, g), [product(filter.shape), 1]);
      const table = g.Concat([weights, g.constant(Float32Array.of(0), [1, 1], 'zero')], { axis: 0 });
      const offsets = channels.map(([, , channel]) => channel);
      const offset = bias && gatherRows(g, g.reshape(bias.as(plain, g), [i, 1]), offsets, [offsets.length]);
      const parts = phased.apart(dy.as(phased, g), g);
      // Each adds to what the others gave.
      const tiles = eachPair([0, 1], [0, 1]).reduce<Ref | undefined>((sum, [row, column], phase) => {
        const [rows, columns] = [rowsOf(0, row), rowsOf(1, column)];
        const places = eachPair(rows, columns).flatMap(([down, right]) => {
          const first = channels.map(([y, x, channel]) => {
            const [r, c] = [tapAt(0, row, y, down), tapAt(1, column, x, right)];
            return r === undefined || c === undefined ? undefined : ((r * width + c) * i + channel) * o;
          });
          return range(o).flatMap((input) => first.map((place) => (place ?? product(filter.shape) - input) + input));
        });
        const shape = [rows.length, columns.length, o, channels.length];
        const taps = plainValue(shape, 'float32', gatherRows(g, table, places, shape));
        const isLast = phase === parts.length - 1;
        return g['nchwc.Conv'](parts[phase] as Ref, taps.as(kernel, g), isLast ? offset : undefined, sum, {
          kernel_shape: [rows.length, columns.length],
          strides: [1, 1],
          dilations: [1, 1],
          pads: [-(rows[0] ?? 0), -(columns[0] ?? 0), rows.at(-1) ?? 0, columns.at(-1) ?? 0],
          ...(isLast && attrs.activation === 'relu' && { activation: 'Relu' as const }),
        });
      }, undefined) as Ref;
      const perBlock = block / TILE;
      const pixels = g.reshape(tiles, [n, i, TILE / perBlock, h, w, perBlock, TILE]);
      return g.reshape(g.transpose(pixels, [0, 1, 3, 2, 5, 4, 6]), [n, i, ...inputs]);
    });
  }
}

/** Rows and columns of the tiles that one pixel of each phase stands for. */
const TILE = 4;
