import type * as tf from '@tensorflow/tfjs-core';
import { nchw, Value } from '../forms.ts';
import { type Family, rule } from './rule.ts';
import { reverse } from './shape.ts';
import { refuseChannelsFirst } from './window.ts';

/** Rearranging of images. */
export const imaging = {
  // Channels become blocks of pixels: `[N, H, W, b²·C]` as `[N, b·H, b·W, C]`.
  DepthToSpace: rule<tf.DepthToSpaceInputs, tf.DepthToSpaceAttrs>(({ x }, { blockSize, dataFormat }) => {
    refuseChannelsFirst({ dataFormat });
    const [n = 1, h = 1, w = 1, c = 1] = x.shape;
    const shape = [n, h * blockSize, w * blockSize, c / blockSize ** 2];
    return new Value(shape, x.dtype, nchw, (g) => g.DepthToSpace(x.as(nchw, g), { blocksize: blockSize, mode: 'DCR' }));
  }),
  FlipLeftRight: rule<tf.FlipLeftRightInputs>(({ image }) => reverse(image, 2)),
} satisfies Family;
