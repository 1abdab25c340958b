import type { GraphBuilder } from '../../builder.ts';
import { nchw, plain, Value } from '../../forms.ts';
import { permutedPlaces, product, type Ref, type Shape } from '../../ir.ts';
import { isByChannel } from '../../kernels/conv.ts';
import { type Geometry, outputShape, type WindowAttrs, windowAttributes } from '../../kernels/window.ts';
import type { BlockedForms } from './forms.ts';
import { isUsualGradient, usualConvolution } from './geometry.ts';
import { eachPair, FEW, type Phase, phasesOf, range } from './phases.ts';
import { gatherRows, permuteRows } from './rows.ts';

/** ONNX Runtime's blocked kernels, forward and by the kernel; undefined where the sizes do not fit them. */
export function blockedConv({ block, isBlocked, blocked, phased, kernel }: BlockedForms) {
  const fits = (inputs: number, outputs: number) => isBlocked(outputs) && (isBlocked(inputs) || inputs < block);

  const imageOf = (x: Value, g: GraphBuilder): Ref => x.as(isBlocked(x.shape[3] ?? 0) ? blocked : nchw, g);
  const partsOf = (x: Value, g: GraphBuilder): readonly Ref[] => phased.apart(x.as(phased, g), g);

  return { fits, conv2d, conv2dBackpropFilter, givesPhases, takesPhases };

  function conv2d({ x, filter, bias }: ConvInputs, attrs: ConvAttrs): Value | undefined {
    const geo = usualConvolution(x.shape, filter.shape, attrs);
    const { activation = 'linear' } = attrs;
    // Of the activations only relu is part of the kernels.
    if (!geo || !fits(geo.inChannels, geo.outChannels) || !['linear', 'relu'].includes(activation)) return undefined;
    if (bias && !isByChannel(bias, geo.outChannels)) return undefined;
    const fused = activation === 'relu' && ({ activation: 'Relu' } as const);
    const offset = (g: GraphBuilder) => bias && g.reshape(bias.as(plain, g), [geo.outChannels]);
    const phases = x.has(phased) ? phasesFor(geo) : undefined;
    if (phases) {
      return new Value(outputShape(geo), 'float32', blocked, (g) => {
        const images = partsOf(x, g);
        const last = phases.length - 1;
        // Each adds to what the others gave.
        return phases.reduce<Ref | undefined>((sum, [row, column], i) => {
          return g['nchwc.Conv'](
            images[i] as Ref,
            tapsOf(g, filter, geo, row, column),
            i === last ? offset(g) : undefined,
            sum,
            {
              ...stride1(row.taps.length, column.taps.length),
              pads: [row.forward[0], column.forward[0], row.forward[1], column.forward[1]],
              ...(i === last && fused),
            },
          );
        }, undefined) as Ref;
      });
    }
    if (attrs.phased && canGivePhases(geo)) {
      return new Value(outputShape(geo), 'float32', phased, (g) => {
        const window = { ...windowAttributes(geo), strides: geo.strides.map((d) => 2 * d), pads: [0, 0, 0, 0] };
        const [n, c, h, w] = [geo.batch, geo.inChannels, ...(geo.inputs as Pair<number>)];
        // As [N·C, H, W], so that ONNX Runtime does not transpose each of the four images.
        const flat = g.reshape(x.as(nchw, g), [n * c, h, w]);
        const images = phaseWindows(geo).map(([top = 0, left = 0, bottom = 0, right = 0]) => {
          const padded = g.Pad(flat, g.ints([0, top, left, 0, bottom, right]));
          const image = g.reshape(padded, [n, c, h + top + bottom, w + left + right]);
          return g['nchwc.Conv'](image, filter.as(kernel, g), offset(g), undefined, { ...window, ...fused });
        });
        return g.Concat(images, { axis: 0 });
      });
    }
    return new Value(outputShape(geo), 'float32', blocked, (g) => {
      const image = imageOf(x, g);
      return g['nchwc.Conv'](image, filter.as(kernel, g), offset(g), undefined, { ...windowAttributes(geo), ...fused });
    });
  }

  /**
   * The gradient by the kernel as a convolution whose channels are the images of the batch, and dY its kernel
   * `[O, N, h, w]`, dilated by the stride. The batch is filled up to full blocks with zeros.
   */
  function conv2dBackpropFilter({ x, dy }: GradientInputs, attrs: GradientAttrs): Value | undefined {
    const geo = usualConvolution(x.shape, attrs.filterShape, attrs);
    if (!geo || !fits(geo.inChannels, geo.outChannels) || !isUsualGradient(dy, geo)) return undefined;
    const { strides } = geo;
    const phases = x.has(phased) ? phasesFor(geo) : undefined;
    if (phases) return new Value(attrs.filterShape, 'float32', kernel, (g) => gradientByPhases(g, x, dy, geo, phases));
    if (dy.has(phased) && canGivePhases(geo)) {
      return new Value(attrs.filterShape, 'float32', kernel, (g) => {
        const [image, windows, dilations] = [x.as(nchw, g), phaseWindows(geo), strides.map((stride) => 2 * stride)];
        // Each phase of dY adds to what the others gave.
        const sum = partsOf(dy, g).reduce<Ref | undefined>(
          (sum, part, i) => gradientOf(g, image, part, { dilations, pads: windows[i] ?? [] }, sum),
          undefined,
        );
        return asKernels(g, sum as Ref, geo);
      });
    }
    const [[top, left], [bottom, right]] = [geo.before as Pair<number>, geo.after as Pair<number>];
    // Windows that see nothing but padding.
    if (geo.inputs.some((d, axis) => d + Math.min(0, geo.after[axis] ?? 0) <= 0)) return undefined;
    const window = { dilations: strides, pads: [top, left, bottom, right] };
    return new Value(attrs.filterShape, 'float32', kernel, (g) => {
      const image = imageOf(x, g);
      return asKernels(g, gradientOf(g, image, dy.as(blocked, g), window), geo);
    });
  }

  /**
   * For each block of channels, or each channel of few, the taps of the kernels to O: `[I/b, O, kh, kw · b]`, O blocked.
   * @param image in the form of the kernels, as dY is
   * @param window its pads may be negative, where rows and columns are cut off that no window reaches
   */
  function gradientOf(g: GraphBuilder, image: Ref, dy: Ref, { dilations, pads }: GradientWindow, sum?: Ref): Ref {
    const asKernel = gradientAsKernel(g, dy);
    const { images, vector } = imagesAsChannels(g, image);
    const [i, n, h, columns] = images.shape as Shape4;
    const [top = 0, left = 0, bottom = 0, right = 0] = pads;
    // Kernels that pad columns themselves take half as long again; rows cost nothing.
    const [first, last] = [Math.min(0, top), Math.min(0, bottom)];
    const flat = g.reshape(images, [(i * n) / block, h, columns * block]);
    const padded = g.Pad(flat, g.ints([0, first, left * vector * block, 0, last, right * vector * block]));
    const shape = [i, n, h + first + last, columns + (left + right) * vector];
    return g['nchwc.Conv'](g.reshape(padded, shape), asKernel, undefined, sum, {
      kernel_shape: asKernel.shape.slice(2),
      strides: [1, 1],
      dilations: [dilations[0] ?? 1, (dilations[1] ?? 1) * vector],
      pads: [top - first, 0, bottom - last, 0],
    });
  }

  /** What `gradientOf` gives in the form of kernels. */
  function asKernels(g: GraphBuilder, gradient: Ref, { inChannels: i, outChannels: o, kernel: size }: Geometry): Ref {
    const blocks = gradient.shape[0] ?? 1;
    const rows = g.reshape(gradient, [blocks, o / block, (product(size) * i * block) / blocks]);
    return g.reshape(permuteRows(g, rows, [1, 0]), [o, i, ...size]);
  }

  /** The same where X is given by phases: the taps of each phase by themselves. */
  function gradientByPhases(g: GraphBuilder, x: Value, dy: Value, geo: Geometry, phases: readonly Pair<Phase>[]): Ref {
    const { inChannels: i, outChannels: o, kernel: size } = geo;
    const images = partsOf(x, g);
    const tiles = (i * o) / block ** 2;
    const places = new Map<string, { readonly first: number; readonly count: number }>();
    let rows = 0;
    const parts = phases.map(([row, column], phase) => {
      const count = row.taps.length * column.taps.length;
      const pads = [row.forward[0], column.forward[0], row.forward[1], column.forward[1]];
      const gradient = gradientOf(g, images[phase] as Ref, dy.as(blocked, g), { dilations: [1, 1], pads });
      eachPair(row.taps, column.taps).forEach((tap, j) => void places.set(`${tap}`, { first: rows + j, count }));
      rows += tiles * count;
      return g.reshape(gradient, [tiles * count, block ** 2]);
    });
    const order = permutedPlaces([i / block, o / block], [1, 0]).flatMap((tile) =>
      eachPair(range(size[0] ?? 1), range(size[1] ?? 1)).map((tap) => {
        const { first = 0, count = 0 } = places.get(`${tap}`) ?? {};
        return first + tile * count;
      }),
    );
    return gatherRows(g, g.Concat(parts, { axis: 0 }), order, [o, i, ...size]);
  }

  /** Some taps of a kernel between blocked channels, as a kernel. */
  function tapsOf(g: GraphBuilder, filter: Value, geo: Geometry, row: Phase, column: Phase): Ref {
    const { inChannels: i, outChannels: o, kernel: size } = geo;
    const [height, width] = size as Pair<number>;
    const tiles = (i * o) / block ** 2;
    const table = g.reshape(filter.as(kernel, g), [tiles * height * width, block ** 2]);
    const used = range(tiles).flatMap((tile) =>
      eachPair(row.taps, column.taps).map(([r, c]) => (tile * height + r) * width + c),
    );
    return gatherRows(g, table, used, [o, i, row.taps.length, column.taps.length]);
  }

  /** The gradients of blocked images `[N, O, h, w]` as a kernel, whose inputs are the images. */
  function gradientAsKernel(g: GraphBuilder, gradients: Ref): Ref {
    const all = filledBatch(g, gradients);
    const [filled, o, h, w] = all.shape as Shape4;
    const images = g.reshape(all, [filled, o / block, h * w * block]);
    const byChannels = g.reshape(permuteRows(g, images, [1, 0]), [(o * filled) / block ** 2, block, 1, h * w * block]);
    return g.reshape(g['nchwc.ReorderInput'](byChannels, { channels_last: 1 }), [o, filled, h, w]);
  }

  /**
   * Images of blocked channels, or of few, with the batch for channels: `[C/b, N, H, W · b]`, where a pixel's b channels are
   * columns of their own beside each other, or `[C, N, H, W]`.
   */
  function imagesAsChannels(g: GraphBuilder, given: Ref): { readonly images: Ref; readonly vector: number } {
    const image = filledBatch(g, given);
    const [n, c, h, w] = image.shape as Shape4;
    if (!isBlocked(c)) return { images: g['nchwc.ReorderInput'](g.transpose(image, [1, 0, 2, 3])), vector: 1 };
    const vectors = g['nchwc.ReorderInput'](g.reshape(image, [n / block, block, 1, c * h * w])); // [N/b, C/b, H·W·b, b of N]
    const rows = permuteRows(g, g.reshape(vectors, [n / block, c / block, h * w * block ** 2]), [1, 0]);
    return { images: g.reshape(rows, [c / block, n, h, w * block]), vector: block };
  }

  /** A batch filled up to full blocks with zeros. */
  function filledBatch(g: GraphBuilder, x: Ref): Ref {
    const rest = x.shape.map((n, axis) => (axis === 0 ? (block - (n % block)) % block : 0));
    return g.Pad(x, g.ints([...x.shape.map(() => 0), ...rest]));
  }

  /** The phases of a convolution of stride 2 on blocked images, rows and columns, if it can be computed by phases. */
  function phasesFor(geo: Geometry): Pair<Phase>[] | undefined {
    const { inputs, strides, dilations, inChannels, outChannels } = geo;
    const even = inputs.every((d, axis) => d % 2 === 0 && strides[axis] === 2 && dilations[axis] === 1);
    if (!even || !isBlocked(inChannels) || !isBlocked(outChannels)) return undefined;
    const [rows, columns] = [phasesOf(geo, 0, 'forward'), phasesOf(geo, 1, 'forward')];
    return rows && columns && eachPair(rows, columns);
  }

  /** Whether a convolution can give its images by phases. */
  function canGivePhases({ inChannels, outputs, dilations }: Geometry): boolean {
    return inChannels <= FEW && outputs.every((d, axis) => d % 2 === 0 && dilations[axis] === 1);
  }

  function givesPhases(image: Shape, filter: Shape, attrs: WindowAttrs): boolean {
    const geo = usualConvolution(image, filter, attrs);
    return geo !== undefined && fits(geo.inChannels, geo.outChannels) && canGivePhases(geo);
  }

  /** Whether a convolution is faster on an image that is given by phases. */
  function takesPhases(image: Shape, filter: Shape, attrs: WindowAttrs): boolean {
    const geo = usualConvolution(image, filter, attrs);
    return geo !== undefined && phasesFor(geo) !== undefined;
  }

  /** For each phase of the outputs, the pads by which its windows begin where the image does; negative where that is cut. */
  function phaseWindows({ kernel: size, strides, before, inputs, outputs }: Geometry): number[][] {
    return eachPair([0, 1], [0, 1]).map((phase) => {
      const starts = phase.map((step, axis) => step * (strides[axis] ?? 1) - (before[axis] ?? 0));
      const ends = starts.map((start, axis) => {
        const steps = (outputs[axis] ?? 0) / 2 - 1;
        return start + 2 * (strides[axis] ?? 1) * steps + (size[axis] ?? 1) - (inputs[axis] ?? 0);
      });
      return [...starts.map((start) => -start), ...ends];
    });
  }
}

type Pair<T> = readonly [T, T];
type Shape4 = readonly [number, number, number, number];
type ConvInputs = { readonly x: Value; readonly filter: Value; readonly bias?: Value };
type ConvAttrs = WindowAttrs & { readonly activation?: string; readonly phased?: boolean };
type GradientInputs = { readonly x: Value; readonly dy: Value };
type GradientAttrs = WindowAttrs & { readonly filterShape: Shape };

interface GradientWindow {
  readonly dilations: Shape;
  readonly pads: Shape;
}

const stride1 = (...kernel: Pair<number>) => ({ kernel_shape: kernel, strides: [1, 1], dilations: [1, 1] });
