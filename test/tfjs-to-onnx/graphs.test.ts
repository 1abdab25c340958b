import './support/tfjs.ts';
import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { graphOfLayersModel } from '../../pipeline/tfjs-to-onnx/src/from/layers-model.ts';
import type { Graph } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { feed, hostTensors, openSession } from './support/ort.ts';
import { expectClose, read } from './support/parity.ts';
import { withWeights } from './support/zoo.ts';

type Layer = InstanceType<typeof layers.Layer>;

const through = (layer: Layer, x: SymbolicTensor | SymbolicTensor[]) => layer.apply(x) as SymbolicTensor;
const conv = (x: SymbolicTensor, filters: number, kernelSize = 3, strides = 1) =>
  through(layers.conv2d({ filters, kernelSize, strides, padding: 'same', useBias: false }), x);
const normal = (x: SymbolicTensor) => through(layers.batchNormalization({}), x);
const relu = (x: SymbolicTensor) => through(layers.activation({ activation: 'relu' }), x);
const relu6 = (x: SymbolicTensor) => through(layers.reLU({ maxValue: 6 }), x);
const add = (...xs: SymbolicTensor[]) => through(layers.add(), xs);
const concat = (...xs: SymbolicTensor[]) => through(layers.concatenate(), xs);

/** The operators of a graph in order, runs of one as `3 × Conv`. */
function operators({ nodes }: Graph): string {
  const runs: { op: string; count: number }[] = [];
  for (const { op } of nodes) {
    const last = runs.at(-1);
    if (last?.op === op) last.count++;
    else runs.push({ op, count: 1 });
  }
  return runs.map(({ op, count }) => (count > 1 ? `${count} × ${op}` : op)).join(', ');
}

/** Converts a model, compares its results with tfjs's for one and three inputs, and gives its operators. */
async function converted(build: (x: SymbolicTensor) => SymbolicTensor, shape = [8, 8, 4]): Promise<string> {
  const x = input({ shape, name: 'x' });
  const net: LayersModel = withWeights(model({ inputs: x, outputs: build(x) }));
  const graph = graphOfLayersModel(net);
  const session = await openSession(graph);
  for (const n of [1, 3]) {
    const given = tf.randomUniform([n, ...shape], -1, 1, 'float32', n);
    const outputs = hostTensors(await session.run({ x: feed(given) }));
    expectClose(Object.values(outputs)[0], read(net.predict(given) as tf.Tensor), 2e-5, `batch ${n}`);
  }
  await session.release();
  return operators(graph);
}

test('an inverted residual', async () => {
  const build = (x: SymbolicTensor) => {
    const wide = relu6(normal(conv(x, 12, 1)));
    const depthwise = relu6(
      normal(through(layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', useBias: false }), wide)),
    );
    return add(x, normal(conv(depthwise, 4, 1)));
  };
  expect(await converted(build)).toMatchInlineSnapshot(`"Transpose, Conv, Clip, Conv, Clip, Conv, Add, Transpose"`);
});

test('a strided block with padding, pooling and a classifier', async () => {
  const build = (x: SymbolicTensor) => {
    const padding: [[number, number], [number, number]] = [
      [0, 1],
      [0, 1],
    ];
    const padded = through(layers.zeroPadding2d({ padding }), relu6(normal(conv(x, 6))));
    const depthwise = layers.depthwiseConv2d({ kernelSize: 3, strides: 2, useBias: false });
    const pooled = through(layers.globalAveragePooling2d({}), relu6(normal(through(depthwise, padded))));
    return through(layers.dense({ units: 5, activation: 'softmax' }), pooled);
  };
  expect(await converted(build)).toMatchInlineSnapshot(
    `"Transpose, Conv, Clip, Conv, Clip, ReduceMean, Gemm, Softmax"`,
  );
});

test('branches that are concatenated, one of them twice', async () => {
  const build = (x: SymbolicTensor) => {
    const pooled = through(layers.averagePooling2d({ poolSize: 3, strides: 1, padding: 'same' }), x);
    const split = conv(x, 3, 1);
    const inner = concat(relu(normal(conv(split, 3))), relu(normal(conv(split, 2))));
    return concat(relu(normal(conv(x, 4, 1))), inner, relu(normal(conv(pooled, 2, 1))));
  };
  expect(await converted(build)).toMatchInlineSnapshot(
    `"Transpose, AveragePool, Conv, Relu, 2 × Conv, Relu, Conv, Relu, Conv, Relu, Concat, Transpose"`,
  );
});

test('a residual block with its normalization before', async () => {
  const build = (x: SymbolicTensor) => {
    const inner = conv(relu(normal(conv(relu(normal(x)), 4))), 4);
    return relu(normal(add(x, inner)));
  };
  expect(await converted(build)).toMatchInlineSnapshot(
    `"Mul, Add, Relu, Transpose, Conv, Relu, Conv, Transpose, Add, Mul, Add, Relu, Transpose"`,
  );
});

test('squeeze and excitation', async () => {
  const build = (x: SymbolicTensor) => {
    const y = relu(normal(conv(x, 8)));
    const pooled = through(layers.globalAveragePooling2d({}), y);
    const reduced = through(layers.dense({ units: 2, activation: 'relu' }), pooled);
    const weights = through(layers.dense({ units: 8, activation: 'sigmoid' }), reduced);
    const shaped = through(layers.reshape({ targetShape: [1, 1, 8] }), weights);
    return conv(through(layers.multiply(), [y, shaped]), 4);
  };
  expect(await converted(build)).toMatchInlineSnapshot(
    `"Transpose, Conv, Relu, ReduceMean, Gemm, Relu, Gemm, Sigmoid, Reshape, Mul, Conv, Transpose"`,
  );
});

test('a U-Net', async () => {
  const build = (x: SymbolicTensor) => {
    const first = relu(normal(conv(x, 4)));
    const second = relu(normal(conv(through(layers.maxPooling2d({ poolSize: 2 }), first), 8)));
    const up = through(layers.upSampling2d({ size: [2, 2] }), second);
    const joined = relu(normal(conv(concat(up, first), 4)));
    const upsampled = through(layers.conv2dTranspose({ filters: 4, kernelSize: 2, strides: 2 }), joined);
    const cropped = through(
      layers.cropping2D({
        cropping: [
          [4, 4],
          [4, 4],
        ],
      }),
      normal(upsampled),
    );
    return through(layers.conv2d({ filters: 2, kernelSize: 1, activation: 'sigmoid' }), cropped);
  };
  expect(await converted(build)).toMatchInlineSnapshot(
    `"Transpose, Conv, Relu, MaxPool, Conv, Relu, Resize, Concat, Conv, Relu, ConvTranspose, 2 × Slice, Conv, Sigmoid, Transpose"`,
  );
});

test('normalized layers of sequences', async () => {
  const build = (x: SymbolicTensor) => {
    const once = relu(normal(through(layers.conv1d({ filters: 6, kernelSize: 3, padding: 'same' }), x)));
    const twice = relu(normal(through(layers.conv1d({ filters: 6, kernelSize: 3, padding: 'same' }), once)));
    const pooled = through(layers.globalMaxPooling1d({}), add(once, twice));
    return relu(normal(through(layers.dense({ units: 5 }), pooled)));
  };
  expect(await converted(build, [9, 4])).toMatchInlineSnapshot(
    `"Reshape, Transpose, Conv, Relu, Reshape, Conv, Relu, Reshape, Add, ReduceMax, Clip, ReduceSum, Add, Gemm, Relu"`,
  );
});

test('dense layers over time, and a rescaling', async () => {
  const build = (x: SymbolicTensor) => {
    const scaled = through(layers.rescaling({ scale: 0.5, offset: -1 }), x);
    const dense = through(layers.dense({ units: 6, activation: 'tanh' }), scaled);
    return normal(through(layers.dense({ units: 3 }), dense));
  };
  expect(await converted(build, [5, 4])).toMatchInlineSnapshot(`"Mul, Add, Reshape, Gemm, Tanh, Gemm, Reshape"`);
});

test('a layer normalization of rows and of channels', async () => {
  const rows = (x: SymbolicTensor) => {
    const normalized = through(layers.layerNormalization(), through(layers.dense({ units: 6 }), x));
    return through(layers.dense({ units: 3 }), normalized);
  };
  expect(await converted(rows, [5, 4])).toMatchInlineSnapshot(`"Reshape, Gemm, LayerNormalization, Gemm, Reshape"`);
  const channels = (x: SymbolicTensor) => conv(through(layers.layerNormalization({ scale: false }), conv(x, 4)), 4);
  expect(await converted(channels)).toMatchInlineSnapshot(
    `"Transpose, Conv, Transpose, LayerNormalization, Transpose, Conv, Transpose"`,
  );
  const pixels = (x: SymbolicTensor) => through(layers.layerNormalization({ axis: [1, 2, 3] }), x);
  expect(await converted(pixels)).not.toContain('LayerNormalization');
});
