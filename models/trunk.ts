import { conv, deconv } from './layers.ts';
import type { ModelSize } from './model.ts';

/** Height and width of the feature maps where the encoder trunk ends and the decoder trunk begins; they have 128 channels. */
export interface Waist {
  readonly height: number;
  readonly width: number;
  readonly channels: 128;
  /** Whether the third convolution pads: it does where the image halves three times exactly. */
  readonly padding: 'same' | 'valid';
}

/**
 * Where an image of that size arrives after three halvings: 28 → 14 → 7 → 3 (no padding), 32 → 16 → 8 → 4.
 * @throws RangeError unless height and width are both multiples of 8, or both 4 more than one
 */
export function waist({ height, width }: Pick<ModelSize, 'height' | 'width'>): Waist {
  const remainder = height % 8;
  if (remainder % 4 !== 0 || width % 8 !== remainder || height < 12 || width < 12) {
    throw new RangeError(
      `images of ${height}×${width} cannot be halved three times: height and width must both be multiples of 8 (16, 24, 32 …) ` +
        'or both 4 more than one (12, 20, 28 …); resize the images',
    );
  }
  const third = (pixels: number) => (remainder === 0 ? pixels / 8 : (pixels / 4 - 3) / 2 + 1);
  return { height: third(height), width: third(width), channels: 128, padding: remainder === 0 ? 'same' : 'valid' };
}

/** conv1, conv2, conv3: `[N, 28, 28, C]` → `[N, 14, 14, 32]` → `[N, 7, 7, 64]` → `[N, 3, 3, 128]`. */
export function encoderTrunk(size: ModelSize, inputs = size.channels) {
  const { seed } = size;
  return [
    conv({ name: 'conv1', inputs, filters: 32, kernelSize: 5, strides: 2, relu: true, seed }),
    conv({ name: 'conv2', inputs: 32, filters: 64, kernelSize: 5, strides: 2, relu: true, seed }),
    conv({
      name: 'conv3',
      inputs: 64,
      filters: 128,
      kernelSize: 3,
      strides: 2,
      padding: waist(size).padding,
      relu: true,
      seed,
    }),
  ];
}

/** deconv3, deconv2, deconv1: `[N, 3, 3, 128]` → `[N, 7, 7, 64]` → `[N, 14, 14, 32]` → logits `[N, 28, 28, C]`. */
export function decoderTrunk(size: ModelSize) {
  const { seed } = size;
  return [
    deconv({ name: 'deconv3', filters: 64, kernelSize: 3, strides: 2, padding: waist(size).padding, relu: true, seed }),
    deconv({ name: 'deconv2', filters: 32, kernelSize: 5, strides: 2, relu: true, seed }),
    deconv({ name: 'deconv1', filters: size.channels, kernelSize: 5, strides: 2, seed }),
  ];
}
