import type * as tf from '@tensorflow/tfjs-core';
import { cast, div, mul, sub } from '@tensorflow/tfjs-core';
import { layers, type Sequential, sequential } from '@tensorflow/tfjs-layers';
import { convertFunction } from 'tfjs-to-onnx';
import { conv, dense } from '../../../models/kit/layers.ts';
import type { ImageShape } from '../../data/dataset.ts';

/** Numbers in the feature layer, the one before the logits. */
export const FEATURES = 128;
/** Channels of the last convolution; those before have half of the next, and no fewer than 16. */
const WIDEST = 128;
const NARROWEST = 16;
/** Convolutions halve height and width until neither is larger. */
const SMALLEST = 4;
/** Kernels are 5×5 where the image is larger than this, else 3×3. */
const LARGE = 16;

export interface ClassifierSize extends ImageShape {
  readonly classes: number;
  /** Decides the initial weights. */
  readonly seed: number;
}

/** A convolutional classifier. */
export interface ClassifierNetwork {
  readonly size: ClassifierSize;
  /** Images in [0, 1] `[N, H, W, C]` to features `[N, FEATURES]`, none negative. */
  readonly trunk: Sequential;
  /** Features to logits `[N, classes]`. */
  readonly head: Sequential;
}

/** Builds a classifier for images of any size: convolutions of stride 2, a dense layer of features, and the logits. */
export function buildNetwork(size: ClassifierSize): ClassifierNetwork {
  const { height, width, channels, classes, seed } = size;
  const stages = stagesOf(size);
  const trunk = sequential({
    name: 'trunk',
    layers: [layers.inputLayer({ inputShape: [height, width, channels], name: 'image' })],
  });
  let inputs = channels;
  stages.forEach(({ filters, kernelSize }, i) => {
    trunk.add(conv({ name: `conv${i + 1}`, inputs, filters, kernelSize, strides: 2, relu: true, seed }));
    inputs = filters;
  });
  const halved = (pixels: number) => stages.reduce((side) => Math.ceil(side / 2), pixels);
  trunk.add(layers.flatten({ name: 'flatten' }));
  trunk.add(
    dense({ name: 'features', inputs: halved(height) * halved(width) * inputs, units: FEATURES, relu: true, seed }),
  );
  const head = sequential({
    name: 'head',
    layers: [
      layers.inputLayer({ inputShape: [FEATURES], name: 'features' }),
      dense({ name: 'logits', inputs: FEATURES, units: classes, seed }),
    ],
  });
  return { size, trunk, head };
}

/** 28×28 → 14×14 (32 channels) → 7×7 (64) → 4×4 (128). */
function stagesOf({ height, width }: ImageShape): { filters: number; kernelSize: number }[] {
  const sides: number[] = [];
  for (let side = Math.max(height, width); side > SMALLEST; side = Math.ceil(side / 2)) sides.push(side);
  if (sides.length === 0) sides.push(SMALLEST);
  return sides.map((side, i) => ({
    filters: Math.max(NARROWEST, WIDEST / 2 ** (sides.length - 1 - i)),
    kernelSize: side > LARGE ? 5 : 3,
  }));
}

/** Features and logits of a batch of images in [0, 1]. */
export function applyNetwork(
  { trunk, head }: ClassifierNetwork,
  image: tf.Tensor4D,
): { features: tf.Tensor2D; logits: tf.Tensor2D } {
  const centred = sub(mul(image, 2), 1); // in [0, 1] alone, colours are learned a lot more slowly
  const features = trunk.apply(centred) as tf.Tensor2D;
  return { features, logits: head.apply(features) as tf.Tensor2D };
}

/** Pixels 0–255 as what a network takes. */
export const scaled = (pixels: tf.Tensor): tf.Tensor4D => div(cast(pixels, 'float32'), 255);

/**
 * Converts a network to the bytes of an ONNX file: `image` (float32 `[N, H, W, C]` in [0, 1]) to `features` (float32
 * `[N, FEATURES]`) and `logits` (float32 `[N, classes]`).
 */
export function convertNetwork(network: ClassifierNetwork): Uint8Array {
  const { height, width, channels } = network.size;
  return convertFunction(({ image }) => applyNetwork(network, image as tf.Tensor4D), {
    name: 'classifier',
    inputs: { image: { shape: ['N', height, width, channels], dtype: 'float32' } },
    models: { trunk: network.trunk, head: network.head },
  });
}

/** Frees a network's weights. */
export function disposeNetwork({ trunk, head }: ClassifierNetwork): void {
  trunk.dispose();
  head.dispose();
}
