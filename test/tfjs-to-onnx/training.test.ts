import './support/tfjs.ts';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { portable } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { autoencoder } from './support/autoencoder.ts';
import { blockedTargets } from './support/machine.ts';
import { largestError } from './support/parity.ts';
import { traceStep, trainingStep, withState } from './support/step.ts';

const BATCH = 2;
const STEPS = 20;
/** |traced − eager| / (1 + |eager|): float32 sums in another order, for 20 steps. */
const TOLERANCE = { loss: 1e-6, weights: 1e-5 };

const optimizers: Readonly<Record<string, () => tf.Optimizer>> = {
  adam: () => tf.train.adam(2e-3, 0.9, 0.999, 1e-8),
  momentum: () => tf.train.momentum(0.1, 0.9),
  'momentum, nesterov': () => tf.train.momentum(0.1, 0.9, true),
  rmsprop: () => tf.train.rmsprop(2e-3),
  adagrad: () => tf.train.adagrad(0.1),
  adadelta: () => tf.train.adadelta(1),
  adamax: () => tf.train.adamax(2e-3),
  sgd: () => tf.train.sgd(0.2),
};

const batches = Array.from({ length: STEPS }, (_, i) => tf.randomUniform([BATCH, 8, 8, 1], 0, 1, 'float32', 100 + i));

/** Those that are tried on every target. */
const everywhere = new Set(['adam', 'momentum', 'sgd']);
const cases = [portable, ...blockedTargets].flatMap((target) =>
  Object.entries(optimizers)
    .filter(([name]) => target === portable || everywhere.has(name))
    .map(([name, make]) => ({ name, make, target, on: target.name })),
);

describe('20 steps of a convolutional autoencoder', () => {
  test.each(cases)('$name, $on: losses and weights are those of eager tfjs', async ({ make, target }) => {
    const model = autoencoder(BATCH);
    const weights = Object.values(model.weights);
    const [optimizer, state] = withState(make, weights);
    const variables = { ...model.weights, ...Object.fromEntries(state.map((slot, i) => [`slot/${i}`, slot])) };
    const program = trainingStep(model.loss, optimizer, weights);
    const step = await traceStep(program, { sample: { image: batches[0] as Tensor }, variables, target });
    if (target !== portable) expect(step.graph.nodes.filter(({ op }) => op === 'nchwc.Conv').length).toBeGreaterThan(8);

    const losses = { traced: [] as number[], eager: [] as number[] };
    for (const image of batches) {
      losses.traced.push(Number((await step.run({ image })).loss?.values[0]));
      losses.eager.push(Number((program({ image }).loss as Tensor).dataSync()[0]));
    }
    expect(largestError(losses.traced, losses.eager).error).toBeLessThan(TOLERANCE.loss);
    expect(losses.eager.at(-1)).toBeLessThan(Number(losses.eager[0]));

    const after = await step.variables();
    await step.dispose();
    for (const [name, variable] of Object.entries(variables)) {
      const { error } = largestError(after[name]?.values ?? [], variable.dataSync());
      expect(error, name).toBeLessThan(TOLERANCE.weights);
    }
  });
});
