import { layers } from '@tensorflow/tfjs-layers';
import { conv, deconv, type Layer } from './layers.ts';
import type { ModelSize } from './model.ts';

/** The feature map in which the encoder trunk ends and the decoder trunk begins. */
export interface FeatureMap {
  /** Height, width and 128 channels. */
  readonly shape: [height: number, width: number, channels: 128];
  /** Their product. */
  readonly features: number;
  /** Padding of the third convolution: `same` where the image halves three times exactly. */
  readonly padding: 'same' | 'valid';
}

/**
 * The feature map of images of that size after three halvings: 28 → 14 → 7 → 3 (no padding), 32 → 16 → 8 → 4.
 * @throws RangeError unless height and width are both multiples of 8, or both 4 more than one
 */
export function featureMap({ height, width }: Pick<ModelSize, 'height' | 'width'>): FeatureMap {
  const remainder = height % 8;
  if (remainder % 4 !== 0 || width % 8 !== remainder || height < 12 || width < 12) {
    throw new RangeError(
      `images of ${height}×${width} cannot be halved three times: height and width must both be multiples of 8 (16, 24, 32 …) ` +
        'or both 4 more than one (12, 20, 28 …); resize the images',
    );
  }
  const third = (pixels: number) => (remainder === 0 ? pixels / 8 : (pixels / 4 - 3) / 2 + 1);
  const [h, w] = [third(height), third(width)];
  return { shape: [h, w, 128], features: h * w * 128, padding: remainder === 0 ? 'same' : 'valid' };
}

/** conv1, conv2, conv3: `[N, 28, 28, C]` → `[N, 14, 14, 32]` → `[N, 7, 7, 64]` → `[N, 3, 3, 128]`. */
export function encoderTrunk(size: ModelSize, inputs = size.channels): Layer[] {
  const { seed } = size;
  const { padding } = featureMap(size);
  return [
    conv({ name: 'conv1', inputs, filters: 32, kernelSize: 5, strides: 2, relu: true, seed }),
    conv({ name: 'conv2', inputs: 32, filters: 64, kernelSize: 5, strides: 2, relu: true, seed }),
    conv({ name: 'conv3', inputs: 64, filters: 128, kernelSize: 3, strides: 2, padding, relu: true, seed }),
  ];
}

/** deconv3, deconv2, deconv1: `[N, 3, 3, 128]` → `[N, 7, 7, 64]` → `[N, 14, 14, 32]` → logits `[N, 28, 28, C]`. */
export function decoderTrunk(size: ModelSize): Layer[] {
  const { seed } = size;
  const { padding } = featureMap(size);
  return [
    deconv({ name: 'deconv3', filters: 64, kernelSize: 3, strides: 2, padding, relu: true, seed }),
    deconv({ name: 'deconv2', filters: 32, kernelSize: 5, strides: 2, relu: true, seed }),
    deconv({ name: 'deconv1', filters: size.channels, kernelSize: 5, strides: 2, seed }),
  ];
}

/** A convolution over the full feature map: `[N, 3, 3, 128]` → `[N, 1, 1, D]` → `[N, D]`. */
export function convLatent(size: ModelSize, name: string): Layer[] {
  const [height, width, inputs] = featureMap(size).shape;
  const kernelSize = [height, width] as const;
  return [
    conv({ name, inputs, filters: size.latent, kernelSize, padding: 'valid', seed: size.seed }),
    layers.flatten({ name: `${name}_flat` }),
  ];
}

/**
 * The inverse of `convLatent`, followed by ReLU: `[N, inputs]` → `[N, 1, 1, inputs]` → `[N, 3, 3, 128]`.
 * @param inputs dimensions of the decoder's input: the latent's, and one per class where the label is appended
 */
export function convExpand(size: ModelSize, inputs: number): Layer[] {
  const [height, width, filters] = featureMap(size).shape;
  const kernelSize = [height, width] as const;
  return [
    layers.reshape({ name: 'code', targetShape: [1, 1, inputs] }), // the name in existing checkpoints and graphs
    deconv({ name: 'deconv4', filters, kernelSize, padding: 'valid', relu: true, seed: size.seed }),
  ];
}
