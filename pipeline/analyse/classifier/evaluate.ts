import { imagesAtATime, readBatches } from '../../data/batches.ts';
import { bytesPerImage, type ImageDataset } from '../../data/dataset.ts';
import { InputError, stopIfAborted } from '../../io/errors.ts';
import { fitGaussian, frechetDistance } from '../frechet.ts';
import type { Classifier } from './classifier.ts';

/** Images and their intended classes. */
export interface LabelledImages {
  /** Pixels in [0, 1], `[count, H, W, C]`. */
  readonly images: Float32Array;
  /** Class indices, `[count]`. */
  readonly labels: Int32Array;
}

export interface EvaluationOptions {
  readonly classifier: Classifier;
  /** Batches of any size; each is processed before the next is requested. */
  readonly samples: AsyncIterable<LabelledImages>;
  readonly testImages: ImageDataset;
  /** Receives the number of test images and samples classified so far; its errors end the work. */
  readonly progress?: ((images: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Evaluates labelled samples with a classifier of real images.
 * @returns the number of samples; `accuracy` and `testAccuracy`, the shares of samples and of test images that the
 * classifier assigns to their classes; and `frechet`, the squared Fréchet distance between the features of both
 * @throws InputError when the test images do not fit the classifier or have no labels, or a sample is not finite;
 * RangeError when there are fewer than two samples or test images; Interrupted (or the signal's own reason, if that is an
 * error) after `signal`; errors of `samples`
 */
export async function evaluateSamples({ classifier, samples, testImages, progress, signal }: EvaluationOptions) {
  let classified = 0;
  /** The classifier's accuracy on a set of images, and their features. */
  const describe = async (batches: AsyncIterable<LabelledImages>) => {
    const parts: Float32Array[] = [];
    let [count, right] = [0, 0];
    for await (const { images, labels } of batches) {
      stopIfAborted(signal);
      const { labels: found, features } = await classifier.classify(images, labels.length);
      right += found.reduce((sum, label, i) => sum + (label === labels[i] ? 1 : 0), 0);
      count += labels.length;
      parts.push(features);
      classified += labels.length;
      progress?.(classified);
    }
    const size = classifier.featureSize;
    const features = new Float32Array(count * size);
    let start = 0;
    for (const part of parts) {
      features.set(part, start);
      start += part.length;
    }
    return { count, accuracy: right / count, gaussian: await fitGaussian(features, size, () => stopIfAborted(signal)) };
  };
  const real = await describe(testBatches(testImages, classifier));
  const generated = await describe(checked(samples, classifier));
  return {
    samples: generated.count,
    accuracy: generated.accuracy,
    frechet: frechetDistance(generated.gaussian, real.gaussian),
    testAccuracy: real.accuracy,
  };
}

async function* testBatches(dataset: ImageDataset, { shape }: Classifier): AsyncGenerator<LabelledImages> {
  const [expected, found] = [shape, dataset.shape].map(
    ({ height, width, channels }) => `${height}×${width}×${channels}`,
  );
  if (expected !== found) {
    throw new InputError(
      `${dataset.name}: its images are ${found} (height×width×channels), but the classifier was trained on ${expected}; use data of one size`,
    );
  }
  for await (const { images, labels } of readBatches(dataset, imagesAtATime(dataset.shape))) {
    if (!labels) {
      throw new InputError(`${dataset.name}: it has no labels, which testing a classifier needs; use labelled data`);
    }
    yield { images: Float32Array.from(images, (pixel) => pixel / 255), labels };
  }
}

/** @throws InputError when a sample has a pixel that is NaN or infinite: features could hide it */
async function* checked(samples: AsyncIterable<LabelledImages>, { shape }: Classifier): AsyncGenerator<LabelledImages> {
  let start = 0;
  for await (const batch of samples) {
    const at = batch.images.findIndex((pixel) => !Number.isFinite(pixel));
    if (at >= 0) {
      throw new InputError(
        `sample ${start + Math.floor(at / bytesPerImage(shape))} is not finite; the model is unusable: train it again with a lower learning rate`,
      );
    }
    start += batch.labels.length;
    yield batch;
  }
}
