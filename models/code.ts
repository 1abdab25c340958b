import { layers } from '@tensorflow/tfjs-layers';
import { conv, deconv } from './layers.ts';
import type { ModelSize } from './model.ts';
import { waist } from './trunk.ts';

/** A convolution over the whole waist: `[N, 3, 3, 128]` → `[N, 1, 1, D]` → `[N, D]`. */
export function convCode(size: ModelSize, name: string) {
  const { height, width, channels } = waist(size);
  return [
    conv({
      name,
      inputs: channels,
      filters: size.latent,
      kernelSize: [height, width],
      padding: 'valid',
      seed: size.seed,
    }),
    layers.flatten({ name: `${name}_flat` }),
  ];
}

/** Its opposite, followed by ReLU: `[N, D]` → `[N, 1, 1, D]` → `[N, 3, 3, 128]`. `inputs` counts what is decoded. */
export function convExpand(size: ModelSize, inputs: number) {
  const { height, width, channels } = waist(size);
  return [
    layers.reshape({ name: 'code', targetShape: [1, 1, inputs] }),
    deconv({
      name: 'deconv4',
      filters: channels,
      kernelSize: [height, width],
      padding: 'valid',
      relu: true,
      seed: size.seed,
    }),
  ];
}
