import { setImmediate as nextTurn } from 'node:timers/promises';
import ort from 'onnxruntime-node';
import type { ImageDataset } from '../../data/dataset.ts';
import { Generator } from '../../data/generator.ts';
import { stopIfAborted } from '../../io/publish.ts';
import { batchesOf } from '../../train/batches.ts';
import { fastestTarget } from '../../train/engines/blocks.ts';
import { prepareEngine } from '../../train/engines/index.ts';
import { buildNetwork, type ClassifierNetwork, disposeNetwork } from './network.ts';
import { buildProgram } from './program.ts';
import { TracedStep } from './traced-step.ts';

const BATCH = 128;
/** Two epochs of MNIST. Fewer images are seen more often. */
const STEPS = 938;
/** The share of the steps in which the learning rate rises; then it falls to nothing, both in a straight line. */
const WARM_UP = 0.05;

export interface TrainClassifierOptions {
  readonly classes: number;
  /** Decides initial weights and data order. */
  readonly seed: number;
  /** How many batches to train on; as many as two epochs of MNIST have if not given. */
  readonly steps?: number | undefined;
  /** Threads that compute; 0 or nothing leaves the choice to ONNX Runtime. */
  readonly threads?: number | undefined;
  /** Told the share of the work that is done, and the loss, after each step. What it throws ends the training. */
  readonly progress?: ((share: number, loss: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains a classifier on labelled images. The same data, options and machine give the same weights.
 * @returns the network; its weights are the caller's to free
 * @throws InputError when an image cannot be read; Interrupted (or the signal's own reason, if that is an error) after
 * `signal`
 */
export async function trainClassifier(
  train: ImageDataset,
  { classes, seed, steps = STEPS, threads = 0, progress, signal }: TrainClassifierOptions,
): Promise<ClassifierNetwork> {
  stopIfAborted(signal);
  await prepareEngine('onnx', 'cpu');
  const { height, width, channels } = train.shape;
  const batchSize = Math.min(BATCH, train.length);
  const network = buildNetwork({ height, width, channels, classes, seed });
  const program = buildProgram(network);
  let step: TracedStep | undefined;
  try {
    step = await TracedStep.create((inputs) => program.step(inputs as unknown as Parameters<typeof program.step>[0]), {
      inputs: {
        image: { shape: [batchSize, height, width, channels], dtype: 'int32', storage: 'uint8' },
        label: { shape: [batchSize], dtype: 'int32' },
        rate: { shape: [], dtype: 'float32' },
      },
      variables: program.variables,
      models: { trunk: network.trunk, head: network.head },
      target: await fastestTarget(),
      threads,
    });
    const order = orderOf(train.length, steps * batchSize, Generator.of(seed, 'classifier/order'));
    const needs = { labels: true, noiseShape: () => undefined };
    let done = 0;
    for await (const { images, labels } of batchesOf(train, order, {
      batchSize,
      needs,
      noise: Generator.of(seed, 'classifier/noise'),
    })) {
      const { loss = Number.NaN } = await step.run({
        image: new ort.Tensor('uint8', images, [batchSize, height, width, channels]),
        label: new ort.Tensor('int32', labels as Int32Array, [batchSize]),
        rate: new ort.Tensor('float32', [rateAt((done + 0.5) / steps)], []),
      });
      if (!Number.isFinite(loss)) throw new Error(`the classifier's loss became ${loss} at step ${done + 1}`);
      done++;
      progress?.(done / steps, loss);
      await nextTurn(); // signals and timers wait for the event loop, which ONNX Runtime never lets turn
      stopIfAborted(signal);
    }
    await step.pull();
    return network;
  } catch (error) {
    disposeNetwork(network);
    throw error;
  } finally {
    await step?.release();
    program.dispose();
  }
}

/** The learning rate, as a share of the highest, after a share of the steps. */
const rateAt = (share: number): number => Math.min(share / WARM_UP, (1 - share) / (1 - WARM_UP));

/** `count` image numbers: all images in random order, again and again. */
function orderOf(images: number, count: number, generator: Generator): Uint32Array {
  const order = new Uint32Array(count);
  for (let from = 0; from < count; from += images) {
    order.set(generator.shuffled(images).subarray(0, count - from), from);
  }
  return order;
}
