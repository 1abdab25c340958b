import './support/tfjs.ts';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model, type SymbolicTensor, sequential } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { graphOfLayersModel } from '../../pipeline/tfjs-to-onnx/src/from/layers-model.ts';
import { type Graph, graphOfFunction } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { feed, hostTensors, openSession } from './support/ort.ts';
import { expectClose, read } from './support/parity.ts';

type Layer = InstanceType<typeof layers.Layer>;

/** All nodes of a graph, those of graphs inside nodes included. */
const nodesOf = ({ nodes }: Graph): Graph['nodes'] =>
  nodes.flatMap((node) => [node, ...Object.values(node.bodies ?? {}).flatMap(nodesOf)]);

const scansOf = (graph: Graph) => nodesOf(graph).filter(({ op }) => op === 'Scan').length;

/** Of the initializers that recurrent layers take, the one that needs no decomposition. */
const plain = { recurrentInitializer: 'glorotNormal' } as const;
const options = { units: 2, ...plain };
const cells = () => [layers.gruCell(options), layers.lstmCell(options)] as never;

/** Layers of sequences of `[steps, 3]`, and the loops that they run. */
const sequences: Readonly<Record<string, { make(): Layer[]; scans: number }>> = {
  lstm: { make: () => [layers.lstm(options)], scans: 1 },
  gru: { make: () => [layers.gru({ ...options, returnSequences: true })], scans: 1 },
  simpleRNN: { make: () => [layers.simpleRNN({ ...options, goBackwards: true })], scans: 1 },
  'stacked layers': { make: () => [layers.gru({ ...options, returnSequences: true }), layers.lstm(options)], scans: 2 },
  'a masked layer': { make: () => [layers.masking(), layers.lstm(options)], scans: 1 },
  'a layer in both directions': {
    make: () => [layers.bidirectional({ layer: layers.gru(options) as never, mergeMode: 'sum' })],
    scans: 2,
  },
  'stacked cells': { make: () => [layers.rnn({ cell: cells() })], scans: 1 },
  'a dense layer over time': {
    make: () => [layers.timeDistributed({ layer: layers.dense({ units: 2 }) })],
    scans: 1,
  },
};

function sequenceModel(steps: number, make: () => Layer[]): LayersModel {
  const x = input({ shape: [steps, 3], name: 'x' });
  return model({ name: 'm', inputs: x, outputs: make().reduce((y, one) => one.apply(y) as SymbolicTensor, x) });
}

describe('a graph has as many nodes for any number of steps', () => {
  test.each(Object.entries(sequences))('%s', (_, { make, scans }) => {
    const [few, many] = [5, 12].map((steps) => graphOfLayersModel(sequenceModel(steps, make)));
    expect(scansOf(few as Graph)).toBe(scans);
    expect(nodesOf(many as Graph).length).toBe(nodesOf(few as Graph).length);
  });

  test('a recurrent layer over time, and a convolutional one', () => {
    const nested = (steps: number) => {
      const layer = layers.timeDistributed({ layer: layers.lstm(options), inputShape: [steps, 4, 3] });
      return graphOfLayersModel(sequential({ layers: [layer] }));
    };
    expect(scansOf(nested(5))).toBe(2);
    expect(nodesOf(nested(9)).length).toBe(nodesOf(nested(5)).length);
    const images = (steps: number) => {
      const layer = layers.convLstm2d({ filters: 2, kernelSize: 2, ...plain, inputShape: [steps, 4, 4, 1] });
      return graphOfLayersModel(sequential({ layers: [layer] }));
    };
    expect(scansOf(images(5))).toBe(1);
    expect(nodesOf(images(9)).length).toBe(nodesOf(images(5)).length);
    // Its states stay channels first from step to step.
    const bodies = images(5).nodes.flatMap(({ bodies = {} }) => Object.values(bodies).flatMap(nodesOf));
    expect(bodies.filter(({ op }) => op === 'Transpose').length).toBeLessThanOrEqual(1);
  });

  test('300 steps of long short-term memory are 20 nodes or fewer', () => {
    const layer = layers.lstm({ units: 8, ...plain, inputShape: [300, 4] });
    expect(nodesOf(graphOfLayersModel(sequential({ layers: [layer] }))).length).toBeLessThanOrEqual(20);
  });
});

test('the number of steps may stay open', async () => {
  const x = input({ shape: [null, 3], name: 'x' });
  const masked = layers.masking().apply(x) as SymbolicTensor;
  const made = model({
    name: 'm',
    inputs: x,
    outputs: layers
      .bidirectional({ layer: layers.lstm({ ...options, returnSequences: true }) as never, mergeMode: 'concat' })
      .apply(masked) as SymbolicTensor,
  });
  const { serialize } = await import('../../pipeline/tfjs-to-onnx/src/index.ts');
  const graph = graphOfLayersModel(made, { dynamic: { x: [1] } });
  const session = await openSession(serialize(graph));
  for (const [n, steps] of [
    [1, 1],
    [3, 4],
    [2, 50],
  ] as const) {
    const given = tf.randomUniform([n, steps, 3], -1, 1, 'float32', steps);
    const want = read(made.predict(given, { batchSize: n }) as Tensor);
    const [got] = Object.values(hostTensors(await session.run({ x: feed(given) })));
    expectClose(got, want, 2e-5, `${n} sequences of ${steps} steps`);
  }
  await session.release();
});

describe('a stateful layer', () => {
  const make = () => {
    const rnn = layers.lstm({ name: 'rnn', ...options, stateful: true, batchInputShape: [2, 4, 3] });
    return sequential({ name: 'm', layers: [rnn] });
  };

  test('has its states as inputs and outputs, and keeps those that it holds', async () => {
    const made = make();
    const chunks = [1, 2, 3].map((seed) => tf.randomUniform([2, 4, 3], -1, 1, 'float32', seed));
    const expected = chunks.map((chunk) => read(made.predict(chunk) as Tensor));
    const before = (made.layers[0] as unknown as { states: Tensor[] }).states.map(read);
    const session = await openSession(graphOfLayersModel(made));
    expect((made.layers[0] as unknown as { states: Tensor[] }).states.map(read)).toEqual(before);

    let states = { rnn_state_0: feed(tf.zeros([2, 2])), rnn_state_1: feed(tf.zeros([2, 2])) };
    for (const [i, chunk] of chunks.entries()) {
      const outputs = await session.run({ rnn_input: feed(chunk), ...states });
      const { rnn_state_0_out: h, rnn_state_1_out: c } = outputs as Record<string, (typeof states)['rnn_state_0']>;
      if (!h || !c) throw new Error('a state is missing');
      states = { rnn_state_0: h, rnn_state_1: c };
      expectClose(hostTensors(outputs).rnn, expected[i] as (typeof before)[0], 2e-5, `chunk ${i}`);
    }
    await session.release();
  });

  test('is refused in a function, which cannot give its states', () => {
    const made = make();
    const convert = () =>
      graphOfFunction(({ x }) => ({ y: made.apply(x as Tensor) as Tensor }), {
        name: 'f',
        inputs: { x: { shape: [2, 4, 3], dtype: 'float32' } },
        models: { m: made },
      });
    expect(convert).toThrow(/^layer m\/rnn: .*stateful.*convertLayersModel/);
    expect((made.predict(tf.ones([2, 4, 3])) as Tensor).shape).toEqual([2, 2]);
  });
});

describe('a loop over an unstacked tensor', () => {
  type Loop = (x: Tensor, weight: Tensor) => Tensor | Tensor[];
  const weight = tf.variable(tf.randomUniform([3, 3], -1, 1, 'float32', 5), true, 'loop/weight');
  const next = (h: Tensor, x: Tensor, w: Tensor) => tf.tanh(tf.add(tf.matMul(h as Tensor2D, w as Tensor2D), x));
  const zeros = (x: Tensor) => tf.sum(tf.zerosLike(x), 1);

  /** Programs, and how many Scan nodes they become. */
  const loops: Readonly<Record<string, { scans: number; run: Loop }>> = {
    'that stacks every state': {
      scans: 1,
      run(x, w) {
        let h = zeros(x);
        return tf.stack(
          tf.unstack(x, 1).map((part) => {
            h = next(h, part, w);
            return h;
          }),
          1,
        );
      },
    },
    'that stacks a result which is no state, and gives the last one': {
      scans: 1,
      run(x, w) {
        let h = zeros(x);
        const results = tf.unstack(x, 1).map((part) => {
          h = next(h, part, w);
          return tf.exp(h);
        });
        return [tf.stack(results, 2), results.at(-1) as Tensor];
      },
    },
    'with two states that change places': {
      scans: 1,
      run(x, w) {
        let [a, b] = [zeros(x), tf.onesLike(zeros(x))];
        for (const part of tf.unstack(x, 1)) [a, b] = [next(b, part, w), tf.add(a, b)];
        return [a, b];
      },
    },
    'of several sequences': {
      scans: 1,
      run(x, w) {
        const [as, bs] = [tf.unstack(x, 1), tf.unstack(tf.square(x), 1)];
        return as.reduce((h, a, t) => next(tf.mul(h, bs[t] as Tensor), a, w), zeros(x));
      },
    },
    'without a state': {
      scans: 1,
      run: (x, w) => tf.stack(tf.unstack(x, 1).map((part) => tf.matMul(part as Tensor2D, w as Tensor2D))),
    },
    'that computes the same at each step': {
      scans: 1,
      run: (x, w) => tf.unstack(x, 1).reduce((h, part) => next(h, part, tf.mul(tf.transpose(w), 0.5)), zeros(x)),
    },
    'whose first step differs': {
      scans: 0,
      run: (x, w) => tf.unstack(x, 1).reduce((h, part, t) => next(t === 0 ? tf.sin(h) : tf.cos(h), part, w), zeros(x)),
    },
    'with another number at each step': {
      scans: 0,
      run: (x, w) => tf.unstack(x, 1).reduce((h, part, t) => next(tf.add(h, t), part, w), zeros(x)),
    },
    'of which a step in the middle is used': {
      scans: 0,
      run(x, w) {
        let h = zeros(x);
        const states = tf.unstack(x, 1).map((part) => {
          h = next(h, part, w);
          return h;
        });
        return [states[2] as Tensor, h];
      },
    },
    'that reads the state before the last': {
      scans: 0,
      run(x, w) {
        let [older, h] = [zeros(x), zeros(x)];
        for (const part of tf.unstack(x, 1)) [older, h] = [h, next(tf.add(older, h), part, w)];
        return h;
      },
    },
    'from the last part to the first': {
      scans: 0,
      run: (x, w) => tf.unstack(x, 1).reduceRight((h, part) => next(h, part, w), zeros(x)),
    },
  };

  test.each(Object.entries(loops))('%s', async (name, { scans, run }) => {
    const program = ({ x }: Readonly<Record<string, Tensor>>) => {
      const results = [run(x as Tensor, weight)].flat();
      return Object.fromEntries(results.map((result, i) => [`out${i}`, result]));
    };
    const inputs = { x: { shape: ['N', 6, 3], dtype: 'float32' } } as const;
    const graph = graphOfFunction(program, { name: 'loop', inputs });
    expect(scansOf(graph)).toBe(scans);
    const session = await openSession(graph);
    for (const n of [1, 4]) {
      const x = tf.randomUniform([n, 6, 3], -1, 1, 'float32', 9);
      const outputs = hostTensors(await session.run({ x: feed(x) }));
      for (const [output, want] of Object.entries(program({ x }))) {
        expectClose(outputs[output], read(want), 2e-5, `${name}, batch ${n}, ${output}`);
      }
    }
    await session.release();
  });
});
