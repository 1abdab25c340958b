import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { nchw, Value } from '../forms.ts';
import type { Ref } from '../ir.ts';
import { type Family, rule } from './rule.ts';
import { reverse } from './shape.ts';
import { refuseChannelsFirst } from './window.ts';

type Attrs = tf.ResizeBilinearAttrs;
type Mode = 'nearest' | 'linear';

const resize = (mode: Mode) =>
  rule<tf.ResizeBilinearInputs, Attrs>(({ images }, { size, alignCorners, halfPixelCenters }) => {
    const [n = 1, height = 1, width = 1, c = 1] = images.shape;
    const factors = [size[0] / height, size[1] / width];
    const rounding = alignCorners || halfPixelCenters ? 'round_prefer_ceil' : 'floor';
    const attributes = {
      mode,
      coordinate_transformation_mode: alignCorners ? 'align_corners' : halfPixelCenters ? 'half_pixel' : 'asymmetric',
      ...(mode === 'nearest' && ({ nearest_mode: rounding } as const)),
    } as const;
    return new Value([n, ...size, c], images.dtype, nchw, (g) => {
      // Factors leave the batch size open; where they are fractions only sizes are exact.
      const exact = factors.every(Number.isInteger);
      const scales = exact ? g.constant(Float32Array.of(1, 1, ...factors), [4]) : undefined;
      const sizes = exact ? undefined : g.ints([n, c, ...size]);
      return g.Resize(images.as(nchw, g), undefined, scales, sizes, attributes);
    });
  });

/** The contribution of each pixel to the new ones, as a product with a matrix for each axis. */
const resizeGradient = (mode: Mode) =>
  rule<tf.ResizeBilinearGradInputs, Attrs>(({ images, dy }, attrs) => {
    const [, height = 1, width = 1] = images.shape;
    const [, newHeight = 1, newWidth = 1] = dy.shape;
    return new Value(images.shape, 'float32', nchw, (g) => {
      const rows = g.transpose(weights(g, height, newHeight, attrs, mode), [1, 0]); // [H, newH]
      const columns = weights(g, width, newWidth, attrs, mode); // [newW, W]
      return g.MatMul(rows, g.MatMul(dy.as(nchw, g), columns));
    });
  });

/** The share of each old pixel in each new one along an axis: `[new, old]`. */
function weights(g: GraphBuilder, old: number, now: number, attrs: Attrs, mode: Mode): Ref {
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

/** Resizing and rearranging of images. */
export const imaging = {
  // Channels become blocks of pixels: `[N, H, W, b²·C]` as `[N, b·H, b·W, C]`.
  DepthToSpace: rule<tf.DepthToSpaceInputs, tf.DepthToSpaceAttrs>(({ x }, { blockSize, dataFormat }) => {
    refuseChannelsFirst({ dataFormat });
    const [n = 1, h = 1, w = 1, c = 1] = x.shape;
    const shape = [n, h * blockSize, w * blockSize, c / blockSize ** 2];
    return new Value(shape, x.dtype, nchw, (g) => g.DepthToSpace(x.as(nchw, g), { blocksize: blockSize, mode: 'DCR' }));
  }),
  FlipLeftRight: rule<tf.FlipLeftRightInputs>(({ image }) => reverse(image, 2)),
  ResizeBilinear: resize('linear'),
  ResizeBilinearGrad: resizeGradient('linear'),
  ResizeNearestNeighbor: resize('nearest'),
  ResizeNearestNeighborGrad: resizeGradient('nearest'),
} satisfies Family;
