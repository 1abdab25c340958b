import { readBatches } from '../../data/batches.ts';
import { bytesPerImage, type ImageDataset } from '../../data/dataset.ts';
import { InputError } from '../../io/errors.ts';
import { stopIfAborted } from '../../io/publish.ts';
import { fitGaussian, frechetDistance } from '../frechet.ts';
import type { Moments } from '../moments.ts';
import type { Classifier } from './classifier.ts';

/** Test images in a batch. */
const BATCH = 500;

/** Images and their intended classes. */
export interface LabelledImages {
  /** Pixels in [0, 1], `[count, H, W, C]`. */
  readonly images: Float32Array;
  /** Class indices, `[count]`. */
  readonly labels: Int32Array;
}

export interface JudgeOptions {
  readonly classifier: Classifier;
  /** Batches of any size; each is processed before the next is requested. */
  readonly samples: AsyncIterable<LabelledImages>;
  readonly testImages: ImageDataset;
  /** Receives the number of test images and samples classified so far; its errors end the work. */
  readonly progress?: ((images: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Judgement {
  /** Number of samples. */
  readonly samples: number;
  /** Share of samples that the classifier assigns to their intended classes. */
  readonly accuracy: number;
  /** Squared Fréchet distance between the classifier's features of samples and of test images. */
  readonly frechet: number;
  /** Share of test images that the classifier assigns to their classes. */
  readonly testAccuracy: number;
}

/**
 * Evaluates labelled samples with a classifier of real images.
 * @throws InputError when the test images do not fit the classifier or have no labels, or a sample is not finite;
 * RangeError when there are fewer than two samples or test images; Interrupted (or the signal's own reason, if that is an
 * error) after `signal`; errors of `samples`
 */
export async function judgeSamples(options: JudgeOptions): Promise<Judgement> {
  const { classifier, samples, testImages, progress, signal } = options;
  let classified = 0;
  const hooks: Hooks = {
    tick(images) {
      classified += images;
      progress?.(classified);
    },
    stop: () => stopIfAborted(signal),
  };
  const real = await describe(classifier, testBatches(testImages, classifier), hooks);
  const made = await describe(classifier, checked(samples, classifier), hooks);
  return {
    samples: made.count,
    accuracy: made.accuracy,
    frechet: frechetDistance(made.gaussian, real.gaussian),
    testAccuracy: real.accuracy,
  };
}

interface Hooks {
  tick(images: number): void;
  stop(): void;
}

/** A classifier's accuracy on a set of images, and their features. */
interface Description {
  readonly count: number;
  readonly accuracy: number;
  readonly gaussian: Moments;
}

async function describe(
  classifier: Classifier,
  batches: AsyncIterable<LabelledImages>,
  { tick, stop }: Hooks,
): Promise<Description> {
  const rows: Float32Array[] = [];
  let [count, right] = [0, 0];
  for await (const { images, labels } of batches) {
    stop();
    const { labels: found, features } = await classifier.classify(images, labels.length);
    right += found.reduce((sum, label, i) => sum + (label === labels[i] ? 1 : 0), 0);
    count += labels.length;
    rows.push(features);
    tick(labels.length);
  }
  const features = new Float32Array(count * classifier.featureSize);
  let start = 0;
  for (const part of rows) {
    features.set(part, start);
    start += part.length;
  }
  return { count, accuracy: right / count, gaussian: await fitGaussian(features, classifier.featureSize, stop) };
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
  for await (const { images, labels } of readBatches(dataset, BATCH)) {
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
