import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { type BatchedProgram, type Compiled, compile } from 'tfjs-to-onnx';
import { readBatches } from '../../data/batches.ts';
import type { ImageDataset } from '../../data/dataset.ts';
import { Generator } from '../../data/generator.ts';
import { stopIfAborted } from '../../io/errors.ts';
import { prepareEngine } from '../../train/engines/index.ts';
import { fastestTarget, onnxruntime } from '../../train/engines/onnx.ts';
import { createOptimizer } from '../../train/optimizers.ts';
import { applyNetwork, buildNetwork, type ClassifierNetwork, disposeNetwork, scaled } from './network.ts';

const BATCH = 128;
/** Two epochs of MNIST; smaller data sets are seen more often. */
const STEPS = 938;
/** Share of the steps in which the learning rate rises linearly; then it falls linearly to 0. */
const WARM_UP = 0.05;
/** With the highest learning rate. */
const ADAM = { name: 'adam', learningRate: 4e-3, epsilon: 1e-8 } as const;

export interface TrainClassifierOptions {
  readonly classes: number;
  /** Decides initial weights and data order. */
  readonly seed: number;
  /** Number of training steps; by default those of two epochs of MNIST. */
  readonly steps?: number | undefined;
  /** Threads inside an operator; 0 (the default) leaves the choice to ONNX Runtime. */
  readonly threads?: number | undefined;
  /** Called after each step with the completed share of the work and the loss. An exception ends the training. */
  readonly progress?: ((share: number, loss: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains a classifier on labelled images. The same data, options and machine give the same weights.
 * @returns the network; the caller frees its weights
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
  let compiled: Compiled<'step'> | undefined;
  try {
    const target = await fastestTarget();
    compiled = await compile({ step: program.step }, { ...program, target, ...onnxruntime(threads) });
    const order = orderOf(train.length, steps * batchSize, Generator.of(seed, 'classifier/order'));
    let done = 0;
    for await (const { images, labels } of readBatches(train, batchSize, { order })) {
      const outputs = await compiled.run('step', { image: images, label: labels, rate: rateAt((done + 0.5) / steps) });
      const [loss = Number.NaN] = outputs.loss ?? [];
      if (!Number.isFinite(loss)) throw new Error(`the classifier's loss became ${loss} at step ${done + 1}`);
      done++;
      progress?.(done / steps, loss);
      await nextTurn(); // lets signals and timers in: runs of ONNX Runtime never yield to the event loop
      stopIfAborted(signal);
    }
    await compiled.pull();
    return network;
  } catch (error) {
    disposeNetwork(network);
    throw error;
  } finally {
    await compiled?.dispose();
    program.dispose();
  }
}

/**
 * The training of a network as a tfjs program with its variables: one step of Adam on the cross-entropy, whose mean over
 * the batch before the step is the output `loss`. `dispose` frees the optimizer's state; the network stays.
 */
export function buildProgram(network: ClassifierNetwork) {
  const { trunk, head, size } = network;
  const { height, width, channels, classes } = size;
  const weights = [...trunk.layers, ...head.layers].flatMap((layer) => layer.weights);
  const trained = weights.map((weight) => weight.read() as tf.Variable);
  const { state, apply } = createOptimizer(ADAM, trained);
  const step: BatchedProgram = {
    inputs: {
      image: { shape: ['N', height, width, channels], dtype: 'int32', storage: 'uint8' }, // pixels 0–255
      label: { shape: ['N'], dtype: 'int32' },
      rate: { shape: [], dtype: 'float32' }, // a share of the highest
    },
    compute({ image, label, rate }) {
      const { value, grads } = tf.variableGrads(() => {
        const { logits } = applyNetwork(network, scaled(image as tf.Tensor));
        return tf.losses.softmaxCrossEntropy(tf.oneHot(label as tf.Tensor1D, classes), logits) as tf.Scalar;
      }, trained);
      apply(grads, rate as tf.Scalar);
      return { loss: value };
    },
  };
  return {
    step,
    variables: Object.fromEntries([...trained, ...state].map((variable, i) => [`variable/${i}`, variable])),
    models: { trunk, head },
    dispose: () => tf.dispose([...state]),
  };
}

/** The learning rate as a share of the highest, after a share of the steps. */
const rateAt = (share: number): number => Math.min(share / WARM_UP, (1 - share) / (1 - WARM_UP));

/** `count` image indices: all images in random order, repeated in new orders. */
function orderOf(images: number, count: number, generator: Generator): Uint32Array {
  const order = new Uint32Array(count);
  for (let from = 0; from < count; from += images) {
    order.set(generator.shuffled(images).subarray(0, count - from), from);
  }
  return order;
}
