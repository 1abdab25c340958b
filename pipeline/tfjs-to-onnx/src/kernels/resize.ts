import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { nchw, plainValue, Value } from '../forms.ts';
import type { Ref } from '../ir.ts';
import { cast } from './elementwise.ts';
import { onnx } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { filled } from './shape.ts';
import { isEmpty } from './window.ts';

type Attrs = tf.ResizeBilinearAttrs;
type Mode = 'nearest' | 'linear';

/** Where the centre of each new pixel is along an axis of the old image, as tfjs computes it. */
function sources(old: number, now: number, { alignCorners, halfPixelCenters }: Attrs, mode: Mode): number[] {
  const ratio = alignCorners && now > 1 ? (old - 1) / (now - 1) : old / now;
  return Array.from({ length: now }, (_, i) => {
    if (mode === 'linear') return Math.max(0, halfPixelCenters ? ratio * (i + 0.5) - 0.5 : ratio * i);
    const source = ratio * (halfPixelCenters ? i + 0.5 : i);
    return Math.min(old - 1, alignCorners ? Math.round(source) : Math.floor(source));
  });
}

/** The size of an image after a resizing. */
const resized = ({ shape: [n = 1, , , c = 1] }: Value, { size }: Attrs) => [n, ...size, c] as const;

const bilinear = rule<tf.ResizeBilinearInputs, Attrs>(({ images }, attrs) => {
  const shape = resized(images, attrs);
  return isEmpty([...shape, ...images.shape])
    ? filled(shape, 0, 'float32')
    : new Value(shape, 'float32', nchw, (g) => resize(g, cast(images, 'float32'), attrs, 'linear'));
});

/**
 * ONNX's `Resize` to whole multiples; by any other factor it may round to another pixel than tfjs, so that pixels are
 * picked by number.
 */
const nearest = rule<tf.ResizeNearestNeighborInputs, Attrs>(({ images }, attrs) => {
  const [shape, { dtype }] = [resized(images, attrs), images];
  if (isEmpty([...shape, ...images.shape])) return filled(shape, 0, dtype);
  const [, height = 1, width = 1] = images.shape;
  const exact = [attrs.size[0] / height, attrs.size[1] / width].every(Number.isInteger) && !attrs.alignCorners;
  if (exact) return new Value(shape, dtype, nchw, (g) => resize(g, images, attrs, 'nearest'));
  return [height, width].reduce((image, old, i) => {
    const places = Int32Array.from(sources(old, attrs.size[i] ?? 1, attrs, 'nearest'));
    const pixels = plainValue([places.length], 'int32', (g) => g.constant(places, [places.length], 'pixels'));
    return onnx.Gather(image, pixels, { axis: i + 1 });
  }, images);
});

function resize(g: GraphBuilder, images: Value, { size, alignCorners, halfPixelCenters }: Attrs, mode: Mode): Ref {
  const [n = 1, height = 1, width = 1, c = 1] = images.shape;
  const factors = [size[0] / height, size[1] / width];
  const rounding = alignCorners || halfPixelCenters ? 'round_prefer_ceil' : 'floor';
  // Factors leave the batch size open; where they are fractions only sizes are exact.
  const exact = factors.every(Number.isInteger);
  const scales = exact ? g.constant(Float32Array.of(1, 1, ...factors), [4]) : undefined;
  const sizes = exact ? undefined : g.ints([n, c, ...size]);
  return g.Resize(images.as(nchw, g), undefined, scales, sizes, {
    mode,
    coordinate_transformation_mode: alignCorners ? 'align_corners' : halfPixelCenters ? 'half_pixel' : 'asymmetric',
    ...(mode === 'nearest' && ({ nearest_mode: rounding } as const)),
  });
}

/** The contribution of each pixel to the new ones, as a product with a matrix for each axis. */
const gradient = (mode: Mode) =>
  rule<tf.ResizeBilinearGradInputs, Attrs>(({ images, dy }, attrs) => {
    const [, height = 1, width = 1] = images.shape;
    const [, newHeight = 1, newWidth = 1] = dy.shape;
    if (isEmpty([...images.shape, ...dy.shape])) return filled(images.shape, 0, 'float32');
    return new Value(images.shape, 'float32', nchw, (g) => {
      const rows = g.transpose(shares(g, height, newHeight, attrs, mode), [1, 0]); // [H, newH]
      const columns = shares(g, width, newWidth, attrs, mode); // [newW, W]
      return g.MatMul(rows, g.MatMul(cast(dy, 'float32').as(nchw, g), columns));
    });
  });

/** The share of each old pixel in each new one along an axis: `[new, old]`. */
function shares(g: GraphBuilder, old: number, now: number, attrs: Attrs, mode: Mode): Ref {
  const matrix = new Float32Array(now * old);
  sources(old, now, attrs, mode).forEach((source, row) => {
    const rest = source - Math.floor(source);
    const add = (column: number, share: number) => {
      const at = row * old + Math.min(column, old - 1);
      matrix[at] = (matrix[at] ?? 0) + share;
    };
    add(Math.floor(source), 1 - rest);
    add(Math.ceil(source), rest);
  });
  return g.constant(matrix, [now, old], 'weights');
}

/** Resizing of images. */
export const resizing = {
  ResizeBilinear: bilinear,
  ResizeBilinearGrad: gradient('linear'),
  ResizeNearestNeighbor: nearest,
  ResizeNearestNeighborGrad: gradient('nearest'),
} satisfies Family;
