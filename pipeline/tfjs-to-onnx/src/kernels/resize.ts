import { nchw, Value } from '../forms.ts';
import { absent, type GraphBuilder, type Ref } from '../graph.ts';

interface Resize {
  readonly size: readonly [number, number];
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}
type Mode = 'nearest' | 'linear';

export function resize(g: GraphBuilder, images: Value, attrs: Resize, mode: Mode): Value {
  const { size, alignCorners, halfPixelCenters } = attrs;
  const [n = 1, height = 1, width = 1, c = 1] = images.shape;
  const factors = [size[0] / height, size[1] / width];
  // Factors leave the batch size alone; where they are fractions only sizes are exact.
  const target = factors.every(Number.isInteger)
    ? [g.constant(Float32Array.of(1, 1, ...factors), [4])]
    : [absent, g.ints([n, c, ...size])];
  const ref = g.op('Resize', [images.as(nchw, g), absent, ...target], {
    mode,
    coordinate_transformation_mode: alignCorners ? 'align_corners' : halfPixelCenters ? 'half_pixel' : 'asymmetric',
    ...(mode === 'nearest' && { nearest_mode: alignCorners || halfPixelCenters ? 'round_prefer_ceil' : 'floor' }),
  });
  return new Value([n, ...size, c], images.dtype, nchw, ref);
}

/** The gradient of resizing: what each pixel gave to the new ones, as a product with a matrix for each axis. */
export function resizeGrad(g: GraphBuilder, dy: Value, { shape }: Value, attrs: Resize, mode: Mode): Value {
  const [, height = 1, width = 1] = shape;
  const [, newHeight = 1, newWidth = 1] = dy.shape;
  const rows = g.transpose(weights(g, height, newHeight, attrs, mode), [1, 0]); // [H, newH]
  const columns = weights(g, width, newWidth, attrs, mode); // [newW, W]
  const ref = g.op('MatMul', [rows, g.op('MatMul', [dy.as(nchw, g), columns])]);
  return new Value(shape, 'float32', nchw, ref);
}

/** How much of each old pixel is in each new one along an axis: `[new, old]`. */
function weights(g: GraphBuilder, old: number, now: number, attrs: Resize, mode: Mode): Ref {
  const matrix = new Float32Array(now * old);
  const aligned = attrs.alignCorners && now > 1;
  const ratio = aligned ? (old - 1) / (now - 1) : old / now;
  const add = (row: number, column: number, weight: number) => {
    const at = row * old + Math.min(Math.max(column, 0), old - 1);
    matrix[at] = (matrix[at] ?? 0) + weight;
  };
  for (let i = 0; i < now; i++) {
    if (mode === 'nearest') {
      const source = ratio * (attrs.halfPixelCenters ? i + 0.5 : i);
      add(i, attrs.alignCorners ? Math.round(source) : Math.floor(source), 1);
    } else {
      const source = Math.max(0, attrs.halfPixelCenters ? ratio * (i + 0.5) - 0.5 : ratio * i);
      const rest = source - Math.floor(source);
      add(i, Math.floor(source), 1 - rest);
      add(i, Math.ceil(source), rest);
    }
  }
  return g.constant(matrix, [now, old], 'weights');
}
