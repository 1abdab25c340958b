import { layers } from '@tensorflow/tfjs-layers';
import { conv, deconv, type Layer } from './layers.ts';
import { channelsAt, evenSize, everyHalving, margins, stagesOf, type TrunkSize } from './margins.ts';
import type { ModelSize } from './model.ts';

/** The feature map in which the encoder trunk ends and the decoder trunk begins. */
export interface FeatureMap {
  /** Height, width and channels, by default 128. */
  readonly shape: [height: number, width: number, channels: number];
  /** Their product. */
  readonly features: number;
  /** Padding of the last convolution: `valid` where only the last halving leaves a rest. */
  readonly padding: 'same' | 'valid';
}

/**
 * The feature map of images of that size after all halvings, by default three: 28 → 14 → 7 → 3 (no padding), 32 → 16 → 8 → 4.
 * Images that do not halve are padded first: 30 → 32 → 16 → 8 → 4.
 * @throws RangeError where height or width is less than 8, or too small for that many halvings
 */
export function featureMap(size: TrunkSize): FeatureMap {
  const { halvings } = stagesOf(size);
  const [height, width] = paddedSize(size).map((side) => Math.floor(side / 2 ** halvings)) as [number, number];
  const channels = channelsAt(size, halvings);
  const padding = leavesRest(size) ? 'valid' : 'same';
  return { shape: [height, width, channels], features: height * width * channels, padding };
}

/** Whether height and width both halve until the last time, when they are odd: 28 → 14 → 7. The last kernel is 3×3 then. */
function leavesRest(size: TrunkSize): boolean {
  const { halvings } = stagesOf(size);
  const unit = 2 ** halvings;
  return halvings >= 3 && [size.height, size.width].every((side) => side % unit === unit / 2 && side > unit);
}

const paddedSize = (size: TrunkSize): [number, number] =>
  leavesRest(size) ? [size.height, size.width] : evenSize(size);

/** What the convolutions of a halving, forward and back, have in common. */
function stage(size: ModelSize, halving: number) {
  const kernelSize = halving <= 2 ? 5 : 3;
  const { padding } = halving === stagesOf(size).halvings ? featureMap(size) : { padding: 'same' as const };
  return { kernelSize, padding, strides: 2, seed: size.seed };
}

/**
 * conv1, conv2, conv3: `[N, 28, 28, C]` → `[N, 14, 14, 32]` → `[N, 7, 7, 64]` → `[N, 3, 3, 128]`; before them, where the size
 * needs it, a layer that pads.
 */
export function encoderTrunk(size: ModelSize, inputs = size.channels): Layer[] {
  const convolutions = everyHalving(size).map((i) => {
    const channels = { inputs: i === 1 ? inputs : channelsAt(size, i - 1), filters: channelsAt(size, i) };
    return conv({ name: `conv${i}`, ...channels, ...stage(size, i), relu: true });
  });
  return [...margins('pad', size, paddedSize(size)), ...convolutions];
}

/**
 * deconv3, deconv2, deconv1: `[N, 3, 3, 128]` → `[N, 7, 7, 64]` → `[N, 14, 14, 32]` → logits `[N, 28, 28, C]`; after them,
 * where the size needs it, a layer that crops.
 */
export function decoderTrunk(size: ModelSize): Layer[] {
  const convolutions = everyHalving(size).map((i) => {
    const filters = i === 1 ? size.channels : channelsAt(size, i - 1);
    return deconv({ name: `deconv${i}`, filters, ...stage(size, i), relu: i > 1 });
  });
  return [...convolutions.reverse(), ...margins('crop', size, paddedSize(size))];
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
  const name = `deconv${stagesOf(size).halvings + 1}`;
  return [
    layers.reshape({ name: 'code', targetShape: [1, 1, inputs] }), // the name in existing checkpoints and graphs
    deconv({ name, filters, kernelSize, padding: 'valid', relu: true, seed: size.seed }),
  ];
}
