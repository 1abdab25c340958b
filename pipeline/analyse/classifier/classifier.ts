import { setImmediate as nextTurn } from 'node:timers/promises';
import ort from 'onnxruntime-node';
import { bytesPerImage, type ImageDataset, type ImageShape } from '../../data/dataset.ts';
import { largestOf } from '../../data/rows.ts';
import { cached } from '../../io/cache.ts';
import { sha256 } from '../../io/digest.ts';
import { InputError } from '../../io/errors.ts';
import { convertNetwork, disposeNetwork, FEATURES } from './network.ts';
import { type TrainClassifierOptions, trainClassifier } from './train-classifier.ts';

/** Raised when the network or its training changes, so that older classifiers are not used. */
const RECIPE_VERSION = 2;
/** Images in a run of ONNX Runtime. */
const BATCH = 250;

export interface OpenClassifierOptions extends Omit<TrainClassifierOptions, 'classes' | 'seed'> {
  /** Folder of trained classifiers. */
  readonly folder: string;
  /** Seed of the initial weights and the data order; 0 by default. */
  readonly seed?: number | undefined;
}

/** A trained classifier in ONNX Runtime. */
export type Classifier = Awaited<ReturnType<typeof openClassifier>>;

/**
 * Opens the classifier of a labelled training set, training it unless the folder has it.
 * @throws InputError when the images have no labels, or only one class; when an image cannot be read or the folder cannot
 * be used; EnvironmentError when the disk fails; Interrupted (or the signal's own reason, if that is an error) after
 * `signal`
 */
export async function openClassifier(train: ImageDataset, options: OpenClassifierOptions) {
  const { folder, seed = 0, threads = 0, steps, signal } = options;
  const classes = countClasses(train);
  const identity = { recipe: RECIPE_VERSION, data: await train.fingerprint(), classes, seed, steps };
  const key = sha256(JSON.stringify(identity)).slice(0, 16);
  const trained = async () => {
    const network = await trainClassifier(train, { ...options, classes, seed });
    try {
      return convertNetwork(network);
    } finally {
      disposeNetwork(network);
    }
  };
  return load(await cached(folder, key, trained, { signal }), train.shape, classes, threads);
}

/** @throws InputError when there are no labels, or fewer than two classes */
function countClasses({ name, labels, classes }: ImageDataset): number {
  if (!labels) throw new InputError(`${name}: it has no labels, which a classifier needs; use labelled data`);
  const negative = labels.findIndex((label) => label < 0);
  if (negative >= 0) {
    throw new InputError(`${name}: image ${negative} has label ${labels[negative]}; 0 or more was expected`);
  }
  const largest = labels.reduce((most, label) => Math.max(most, label), 0);
  if (labels.every((label) => label === labels[0])) {
    throw new InputError(`${name}: all its images are of one class; a classifier needs at least two classes`);
  }
  return Math.max(classes?.length ?? 0, largest + 1);
}

/** @param bytes from `convertNetwork` */
async function load(bytes: Uint8Array, shape: ImageShape, classes: number, threads: number) {
  const options = { ...(threads > 0 && { intraOpNumThreads: threads }), logSeverityLevel: 3 as const };
  const session = await ort.InferenceSession.create(bytes, options);
  const { height, width, channels } = shape;
  const pixels = bytesPerImage(shape);
  return {
    shape,
    classes,
    /** Number of features of an image. */
    featureSize: FEATURES,
    /**
     * Classifies images. Yields to the event loop.
     * @param images pixels in [0, 1], at least `[count, H, W, C]`
     * @returns the most likely classes, `[count]`, and the features, `[count, featureSize]`
     * @throws RangeError when there are fewer than `count` images
     */
    async classify(images: Float32Array, count: number) {
      if (images.length < count * pixels) throw new RangeError(`${images.length} pixels are not ${count} images`);
      const labels = new Int32Array(count);
      const features = new Float32Array(count * FEATURES);
      for (let start = 0; start < count; start += BATCH) {
        const n = Math.min(BATCH, count - start);
        const batch = images.subarray(start * pixels, (start + n) * pixels);
        const image = new ort.Tensor('float32', batch, [n, height, width, channels]);
        const outputs = await session.run({ image });
        features.set(outputs.features?.data as Float32Array, start * FEATURES);
        labels.set(largestOf(outputs.logits?.data as Float32Array, classes), start);
        await nextTurn(); // ONNX Runtime blocks the event loop
      }
      return { labels, features };
    },
    close: () => session.release(),
  };
}
