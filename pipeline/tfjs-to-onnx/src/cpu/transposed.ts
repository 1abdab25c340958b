import type { GraphBuilder, Ref } from '../graph.ts';
import { type ConvInfo, convInfo } from '../rules/conv.ts';
import { nchw, plain, Value } from '../value.ts';
import type { BlockedForms } from './forms.ts';

type Window = Parameters<typeof convInfo>[2] & { readonly inputShape: readonly number[] };

/**
 * Transposed convolutions (what a convolution's gradient by its input is) by blocked convolutions of stride 1. With
 * stride s an output row s·m + φ meets only the kernel rows k ≡ φ + pad (mod s): each phase φ is a convolution of its
 * own. Undefined where the sizes do not fit the blocked kernels.
 */
export function transposedConv(forms: BlockedForms) {
  const { block, blocked, flipped, kernel } = forms;
  const whole = (channels: number) => channels % block === 0;

  return (
    g: GraphBuilder,
    dy: Value,
    filter: Value,
    bias: Value | undefined,
    attrs: Window,
    activation: string | undefined,
  ): Value | undefined => {
    const info = convInfo(attrs.inputShape, filter.shape, attrs);
    const { inChannels, outChannels } = info;
    const rows = axisOf(info.filterHeight, info.strideHeight, info.padInfo.top, info.inHeight, info.outHeight);
    const columns = axisOf(info.filterWidth, info.strideWidth, info.padInfo.left, info.inWidth, info.outWidth);
    if (!rows || !columns || info.dilationHeight !== 1 || info.dilationWidth !== 1) return undefined;
    const geometry = { info, rows, columns };
    const extra = activation === 'relu' ? { activation: 'Relu' } : {};
    const offset = bias && g.reshape(bias.as(plain, g), [inChannels]);
    if (whole(inChannels) && (whole(outChannels) || outChannels < block))
      return interleave(g, dy, filter, offset, geometry, extra);
    const phases = info.strideHeight * info.strideWidth * inChannels;
    return whole(outChannels) && phases <= block ? shuffle(g, dy, filter, offset, geometry, extra) : undefined;
  };

  /** A convolution for each phase, their outputs interleaved. */
  function interleave(
    g: GraphBuilder,
    dy: Value,
    filter: Value,
    bias: Ref | undefined,
    { info, rows, columns }: Geometry,
    extra: object,
  ): Value {
    const { batchSize: n, inChannels: i, outChannels: o, inHeight, inWidth, filterHeight, filterWidth } = info;
    const source = dy.as(whole(o) ? blocked : nchw, g);
    const taps = filter.as(flipped, g);
    const [height, width, images] = [rows.length, columns.length, (n * i) / block];
    const lines = rows.phases.map((row) => {
      const parts = columns.phases.map((column) => {
        const used = flippedTaps(i, o, [filterHeight, filterWidth], row.taps, column.taps);
        const weights = g.reshape(g.op('Gather', [taps, g.constant(used)]), [
          i,
          o,
          row.taps.length,
          column.taps.length,
        ]);
        const part = g.op('nchwc.Conv', [source, weights, bias], {
          kernel_shape: [row.taps.length, column.taps.length],
          strides: [1, 1],
          dilations: [1, 1],
          pads: [row.before, column.before, row.after, column.after],
          ...extra,
        });
        return g.reshape(part, [images, height, width, 1, block]);
      });
      return g.reshape(joined(g, parts, 3), [images, height, 1, width * parts.length * block]);
    });
    const full = [images, height * lines.length, width * columns.phases.length, block];
    const cut = crop(g, g.reshape(joined(g, lines, 2), full), inHeight, inWidth);
    return new Value(info.inShape, 'float32', blocked, g.reshape(cut, [n, i, inHeight, inWidth]));
  }

  /** Rows of the flipped form (whole tiles, or one input's block) that one phase is made of: `[I/b, O(/b), taps, taps]`. */
  function flippedTaps(
    i: number,
    o: number,
    [kh, kw]: readonly [number, number],
    rows: readonly number[],
    columns: readonly number[],
  ): Int32Array {
    const [outputs, inputs] = [i / block, whole(o) ? o / block : o];
    const at = (a: number, b: number) => (whole(o) ? b * outputs + a : a * inputs + b);
    return Int32Array.from(
      range(outputs).flatMap((a) =>
        range(inputs).flatMap((b) => rows.flatMap((r) => columns.map((c) => (at(a, b) * kh + r) * kw + c))),
      ),
    );
  }

  /**
   * For few channels: one convolution whose output channels are the phases (one block of them), its pixels then
   * shuffled into place. More arithmetic than needed, but of the fast kind.
   */
  function shuffle(
    g: GraphBuilder,
    dy: Value,
    filter: Value,
    bias: Ref | undefined,
    { info, rows, columns }: Geometry,
    extra: object,
  ): Value {
    const { batchSize: n, inChannels: i, outChannels: o, inHeight, inWidth, strideHeight: sh, strideWidth: sw } = info;
    const { filterHeight: kh, filterWidth: kw } = info;
    const zero = ((o / block) * i * kh * kw) as number;
    const vectors = g.reshape(filter.as(kernel, g), [zero, block]); // [O/b · I · kh · kw, b]
    const withZero = g.op('Concat', [vectors, g.constant(new Float32Array(block), [1, block])], { axis: 0 });
    const used: number[] = []; // [O/b, rows, columns, phases]
    for (const ob of range(o / block)) {
      for (const y of range(rows.reach)) {
        for (const x of range(columns.reach)) {
          for (const channel of range(block)) {
            const [ph, pw, c] = [Math.floor(channel / (sw * i)), Math.floor(channel / i) % sw, channel % i];
            const [r, s] = [tapAt(rows, ph, y), tapAt(columns, pw, x)];
            const outside = ph >= sh || r === undefined || s === undefined;
            used.push(outside ? zero : ((ob * i + c) * kh + r) * kw + s);
          }
        }
      }
    }
    const tiles = g.reshape(g.op('Gather', [withZero, g.constant(Int32Array.from(used))]), [
      used.length / block,
      block,
      block,
      1,
    ]);
    const weights = g.op('nchwc.ReorderOutput', [tiles], { channels: block }); // phases last
    const offset =
      bias &&
      g.op('Gather', [
        g.op('Concat', [bias, g.constant(new Float32Array(1))], { axis: 0 }),
        g.constant(Int32Array.from(range(block), (channel) => (channel < sh * sw * i ? channel % i : i))),
      ]);
    const convolved = g.op(
      'nchwc.Conv',
      [dy.as(blocked, g), g.reshape(weights, [block, o, rows.reach, columns.reach]), offset],
      {
        kernel_shape: [rows.reach, columns.reach],
        strides: [1, 1],
        dilations: [1, 1],
        pads: [rows.before, columns.before, rows.after, columns.after],
        ...extra,
      },
    );
    const pixels = g.reshape(convolved, [n, rows.length, columns.length, block]);
    const own =
      sh * sw * i === block ? pixels : g.op('Slice', [pixels, g.ints([0]), g.ints([sh * sw * i]), g.ints([3])]);
    const placed = g.transpose(g.reshape(own, [n, rows.length, columns.length, sh, sw, i]), [0, 1, 3, 2, 4, 5]);
    const full = g.reshape(placed, [n, rows.length * sh, columns.length * sw, i]);
    return new Value(info.inShape, 'float32', plain, crop(g, full, inHeight, inWidth));
  }
}

interface Geometry {
  readonly info: ConvInfo;
  readonly rows: Axis;
  readonly columns: Axis;
}

/** A transposed convolution along one axis: output position s·m + φ is the sum over dy[m + offset] · w[tap]. */
interface Axis {
  /** How many m there are. */
  readonly length: number;
  readonly phases: readonly Phase[];
  /** For all phases in one: how many positions of dy they reach, from `first` on, and the padding that this takes. */
  readonly reach: number;
  readonly before: number;
  readonly after: number;
}

interface Phase {
  /** Taps in the order of dy's positions; the first meets dy[m − before]. */
  readonly taps: readonly number[];
  readonly before: number;
  readonly after: number;
}

/** Undefined where a phase would need no tap at all or cut dy off. */
function axisOf(taps: number, stride: number, pad: number, full: number, steps: number): Axis | undefined {
  const length = Math.ceil(full / stride);
  const phases = range(stride).map((phase): Phase => {
    const first = (phase + pad) % stride;
    const count = Math.ceil((taps - first) / stride);
    const shift = Math.floor((phase + pad) / stride);
    const used = range(Math.max(0, count)).map((j) => first + stride * (count - 1 - j));
    return { taps: used, before: count - 1 - shift, after: length - steps + shift };
  });
  if (!phases.every((phase) => phase.taps.length > 0 && phase.before >= 0 && phase.after >= 0)) return undefined;
  const [before, after] = [Math.max(...phases.map((p) => p.before)), Math.max(...phases.map((p) => p.after))];
  return { length, phases, before, after, reach: before + after + steps - length + 1 };
}

/** The tap that a phase has at a position of the common reach. */
function tapAt({ phases, before }: Axis, phase: number, position: number): number | undefined {
  const own = phases[phase];
  return own?.taps[position - (before - own.before)];
}

function crop(g: GraphBuilder, x: Ref, height: number, width: number): Ref {
  if (x.shape[1] === height && x.shape[2] === width) return x;
  return g.op('Slice', [x, g.ints([0, 0]), g.ints([height, width]), g.ints([1, 2])]);
}

function joined(g: GraphBuilder, parts: readonly Ref[], axis: number): Ref {
  const [only] = parts;
  return parts.length === 1 && only ? only : g.op('Concat', parts, { axis });
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
