import './support/tfjs.ts';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  input as inputLayer,
  layers,
  type SymbolicTensor,
  sequential,
  model as tfModel,
} from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { compare, findRuntime, isTooLarge } from '../../pipeline/tfjs-to-onnx/src/check.ts';
import { main } from '../../pipeline/tfjs-to-onnx/src/cli.ts';
import { withDecisions } from '../../pipeline/tfjs-to-onnx/src/decisions.ts';
import { graphOfFunction, serialize } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { WorkShown } from '../../pipeline/tfjs-to-onnx/src/progress.ts';
import { commandTests } from './support/command.ts';
import { attr, type GraphDef, graphFiles, int, ints, node, placeholder } from './support/graph-model.ts';
import { feed, hostTensors, openSession } from './support/ort.ts';
import { expectClose, read } from './support/parity.ts';
import { model, saved } from './support/saved.ts';

const { folder, at, write, said } = commandTests();
const bin = fileURLToPath(new URL('../../pipeline/tfjs-to-onnx/bin/tfjs-to-onnx.js', import.meta.url));

async function expectModel(file: string): Promise<void> {
  const x = tf.randomUniform([3, 6, 6, 2], -1, 1, 'float32', 4);
  const session = await openSession(readFileSync(file));
  const outputs = hostTensors(await session.run({ conv_input: feed(x) }));
  expectClose(outputs.latent, read(model.predict(x) as tf.Tensor), 1e-5, 'latent');
  await session.release();
}

describe('converts', () => {
  test('a layer that keeps a state, which becomes inputs and outputs', async () => {
    const lstm = layers.lstm({
      name: 'memory',
      units: 2,
      stateful: true,
      recurrentInitializer: 'glorotNormal',
      batchInputShape: [4, 3, 2],
    });
    write(await saved(sequential({ name: 'series', layers: [lstm as never] })));
    expect(await main([at('model.json'), at('out.onnx')])).toBe(0);
    const session = await openSession(readFileSync(at('out.onnx')));
    expect(session.inputNames.slice(1)).toEqual(['memory_state_0', 'memory_state_1']);
    expect(session.outputNames).toEqual(['memory', 'memory_state_0_out', 'memory_state_1_out']);
    await session.release();
  });

  test('a model.json with its weights', async () => {
    write(await saved());
    expect(await main([at('model.json'), at('out.onnx'), '--check', '0'])).toBe(0);
    expect(said.stderr).toBe('');
    expect(said.stdout.replace(folder(), 'FOLDER')).toMatchInlineSnapshot(`
      "FOLDER/out.onnx: 2037 bytes, 6 nodes, opset 18
        input conv_input: float32 [N, 6, 6, 2]
        output latent: float32 [N, 3]
      "
    `);
    await expectModel(at('out.onnx'));
    expect(readdirSync(folder()).sort()).toEqual(['model.json', 'out.onnx', 'weights.bin']);
  });

  test('separable convolutions to many channels', async () => {
    const separable = layers.separableConv2d({ filters: 256, kernelSize: 3, inputShape: [8, 8, 1] });
    const parts = [separable, layers.globalAveragePooling2d({}), layers.dense({ units: 1 })];
    write(await saved(sequential({ layers: parts as never })));
    expect(await main([at('model.json'), at('out.onnx')])).toBe(0);
  });

  test('weights in several files, and replaces an existing file', async () => {
    const { json, weights } = await saved();
    const [group] = json.weightsManifest as [{ weights: unknown }];
    const paths = ['a.bin', 'b.bin', 'c.bin'];
    write({ json: { ...json, weightsManifest: [{ ...group, paths }] }, weights });
    for (const [i, path] of paths.entries())
      writeFileSync(at(path), weights.subarray(i * 100, i < 2 ? (i + 1) * 100 : undefined));
    rmSync(at('weights.bin'));
    writeFileSync(at('out.onnx'), 'older');
    expect(await main([at('model.json'), at('out.onnx')])).toBe(0);
    await expectModel(at('out.onnx'));
  });

  test('quantized weights', async () => {
    const { json, weights } = await saved(
      sequential({ layers: [layers.dense({ name: 'd', units: 2, useBias: false, inputShape: [2] })] }),
    );
    const [group] = json.weightsManifest as [{ weights: object[] }];
    const quantized = { ...group.weights[0], quantization: { dtype: 'uint8', scale: 0.5, min: -1 } };
    await write({
      json: { ...json, weightsManifest: [{ ...group, weights: [quantized] }] },
      weights: Uint8Array.of(0, 2, 4, 6),
    });
    expect(weights.length).toBe(16);
    expect(await main([at('model.json'), at('out.onnx')])).toBe(0);
    const session = await openSession(readFileSync(at('out.onnx')));
    const { d } = hostTensors(
      await session.run({
        d_input: feed(
          tf.tensor2d([
            [1, 0],
            [0, 1],
          ]),
        ),
      }),
    );
    expect([...(d?.values ?? [])]).toEqual([-1, 0, 1, 2]);
    await session.release();
  });

  test('and prints a summary as JSON and the graph as text', async () => {
    write(await saved());
    expect(await main(['--json', '--print', at('model.json'), at('out.onnx')])).toBe(0);
    const printed = JSON.parse(said.stdout);
    expect(printed).toMatchObject({
      file: at('out.onnx'),
      bytes: readFileSync(at('out.onnx')).length,
      nodes: 6,
      inputs: [{ name: 'conv_input', type: 'float32', shape: ['N', 6, 6, 2] }],
      outputs: [{ name: 'latent', type: 'float32', shape: ['N', 3] }],
    });
    said.stdout = '';
    expect(await main(['--print', at('model.json')])).toBe(0);
    expect(said.stdout).toBe(`${printed.graph}\n`);
    expect(said.stdout).toMatchInlineSnapshot(`
      "little(conv_input: float[N,6,6,2])
        little/conv/Transpose = Transpose(conv_input) perm=0,3,1,2
        little/conv/Conv = Conv(little/conv/Transpose, little/conv/kernel:float[4,2,3,3], [0,0,0,0]) kernel_shape=3,3 strides=1,1 dilations=1,1 pads=0,0,0,0
        little/conv/Relu = Relu(little/conv/Conv)
        little/flat/Transpose = Transpose(little/conv/Relu) perm=0,2,3,1
        little/flat/Reshape = Reshape(little/flat/Transpose, [-1,64])
        little/latent/Gemm = Gemm(little/flat/Reshape, little/latent/kernel:float[64,3], [0,0,0]) transA=0 transB=0
        return latent = little/latent/Gemm: float[N,3]
      "
    `);
  });

  test('a GraphModel, named by its signature', async () => {
    write(graphFiles(flattened));
    expect(await main(['--json', at('model.json'), at('out.onnx')])).toBe(0);
    expect(JSON.parse(said.stdout)).toMatchObject({
      inputs: [{ name: 'image', type: 'float32', shape: ['N', 4, 6] }],
      outputs: [{ name: 'pixels', type: 'float32', shape: ['N', 24] }],
      checks: [{ output: 'pixels', absolute: 0, relative: 0 }],
      notes: [],
    });
  });

  test('with sizes that are given, or left open', async () => {
    const free = layers.conv2d({
      name: 'conv',
      filters: 2,
      kernelSize: 3,
      strides: 2,
      padding: 'same',
      inputShape: [null, null, 3],
    });
    write(await saved(sequential({ name: 'free', layers: [free] })));
    expect(await main([at('model.json'), at('out.onnx'), '--shape', 'conv_input=1,9,8,3'])).toBe(0);
    expect(said.stdout).toMatch(/input conv_input: float32 \[1, 9, 8, 3\]\n.*output conv: float32 \[1, 5, 4, 2\]\n/);
    said.stdout = '';
    expect(
      await main([at('model.json'), at('out.onnx'), '--json', '--dynamic', 'conv_input=1,2', '--check', '3']),
    ).toBe(0);
    const { inputs, outputs } = JSON.parse(said.stdout);
    expect(inputs[0].shape).toEqual(['N', 'conv_input_1', 'conv_input_2', 3]);
    expect(outputs[0].shape).toMatchObject(['N', expect.any(String), expect.any(String), 2]);
  });

  test('with sizes that have to be multiples of a number', async () => {
    const up = sequential({
      name: 'halves',
      layers: [
        layers.maxPooling2d({ name: 'pool', poolSize: 2, inputShape: [null, null, 1] }),
        layers.upSampling2d({ name: 'up', size: [2, 2] }),
      ],
    });
    const input = inputLayer({ name: 'x', shape: [null, null, 1] });
    const sum = layers.add({ name: 'sum' }).apply([input, up.apply(input) as SymbolicTensor]);
    write(await saved(tfModel({ inputs: input, outputs: sum as SymbolicTensor })));
    const code = await main([at('model.json'), at('out.onnx'), '--json', '--dynamic', 'x=1,2']);
    expect([code, said.stderr]).toEqual([0, '']);
    expect(JSON.parse(said.stdout).inputs[0].shape).toEqual(['N', '2*x_1', '2*x_2', 1]);
  });

  test('with images that have their channels first, half-size weights, or another operator set', async () => {
    write(await saved());
    const options = ['--nchw-inputs', '--float16', '--opset', '15', '--json'];
    expect(await main([at('model.json'), at('half.onnx'), ...options])).toBe(0);
    const { inputs, opset, checks } = JSON.parse(said.stdout);
    expect([inputs[0].shape, opset]).toEqual([['N', 2, 6, 6], 15]);
    expect(checks[0].relative).toBeGreaterThan(0);
    expect(checks[0].relative).toBeLessThan(1e-2);
    expect(await main([at('model.json'), at('whole.onnx'), '--check', '0'])).toBe(0);
    expect(readFileSync(at('half.onnx')).length).toBeLessThan(readFileSync(at('whole.onnx')).length - 200);
  });

  test('with a layer that the user registers', async () => {
    const { json, weights } = await saved();
    const file = JSON.parse(JSON.stringify(json).replace('"Flatten"', '"Flat"'));
    write({ json: file, weights });
    writeFileSync(
      at('flat.mjs'),
      `export default ({ tf, layers }) => {
        class Flat extends layers.layers.flatten().constructor { static className = 'Flat'; }
        tf.serialization.registerClass(Flat);
      };`,
    );
    expect(await main([at('model.json'), at('out.onnx'), '--register', at('flat.mjs')])).toBe(0);
    await expectModel(at('out.onnx'));
  });

  test('from any folder, by its name', async () => {
    const help = execFileSync(process.execPath, [bin, '--help'], { cwd: folder(), encoding: 'utf8' });
    expect(help).toMatch(/^tfjs-to-onnx MODEL\.json OUT\.onnx/);
    expect(await main(['--version'])).toBe(0);
    expect(said.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

test('an interrupted command leaves no part of its file', async () => {
  write(await saved());
  writeFileSync(
    at('block.mjs'),
    `import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
fs.rename = () => new Promise(() => setTimeout(() => {}, 1e6, console.log('renaming')));
syncBuiltinESMExports();`,
  );
  const command = ['--import', at('block.mjs'), bin, at('model.json'), at('out.onnx'), '--check', '0'];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  expect(readdirSync(folder()).filter((name) => name.endsWith('.part'))).toHaveLength(1);
  child.kill('SIGINT');
  expect(await once(child, 'close')).toEqual([null, 'SIGINT']);
  expect(readdirSync(folder()).sort()).toEqual(['block.mjs', 'model.json', 'weights.bin']);
});

/** A GraphModel that makes rows of pixels. */
const flattened = {
  nodes: [placeholder('x', [-1, 4, 6]), node('y', 'Reshape', ['x', 'rows'], { T: attr.type('DT_FLOAT') })],
  weights: { rows: ints(-1, 24) },
  inputs: { image: 'x' },
  outputs: { pixels: 'y' },
};

describe('a GraphModel is refused in one line with exit code 2', () => {
  type Json = { modelTopology: { node: { name: string; op: string; input: string[] }[]; versions?: object } };
  const damages: Readonly<Record<string, [(json: Json) => void, RegExp]>> = {
    'for an operation that tfjs does not have': [
      ({ modelTopology: { node } }) => Object.assign(node.at(-1) ?? {}, { op: 'Wobble' }),
      /node y .*\bWobble\b.*--register/,
    ],
    'for a node that waits for itself': [
      ({ modelTopology: { node } }) => Object.assign(node.at(-1) ?? {}, { input: ['y', 'rows'] }),
      /node y .*\bits own output\b/,
    ],
    'for a node that is missing': [
      ({ modelTopology: { node } }) => Object.assign(node.at(-1) ?? {}, { input: ['z', 'rows'] }),
      /node y .*\bnode z\b/,
    ],
    'for a node without its inputs': [
      ({ modelTopology: { node } }) => Object.assign(node.at(-1) ?? {}, { input: [] }),
      /node y \(Reshape\): tfjs\b/,
    ],
    'for inputs that tfjs refuses': [
      ({ modelTopology: { node } }) => Object.assign(node.at(-1) ?? {}, { op: 'BitwiseAnd', input: ['x', 'x'] }),
      /node y \(BitwiseAnd\): .*'bitwiseAnd'/,
    ],
    'without versions': [({ modelTopology }) => delete modelTopology.versions, /\bversions\b/],
    'for strings': [
      ({ modelTopology: { node } }) =>
        Object.assign(node.find(({ name }) => name === 'x') ?? {}, {
          attr: { dtype: attr.type('DT_STRING'), shape: attr.shape(-1) },
        }),
      /input image .*\bstring/,
    ],
  };
  test.each(Object.entries(damages))('%s', async (_, [damage, message]) => {
    const json = JSON.parse(JSON.stringify(graphFiles(flattened).json));
    damage(json);
    write({ json, weights: graphFiles(flattened).weights });
    expect(await main([at('model.json'), at('out.onnx')])).toBe(2);
    expect(said.stderr).toMatch(message);
    expect(said.stderr).toMatch(/^tfjs-to-onnx: .*model\.json: .*\n$/);
    expect(readdirSync(folder()).sort()).toEqual(['model.json', 'weights.bin']);
  });
});

test('an axis is normalized as in Keras where it is not the last, which tfjs does wrongly on its cpu backend', async () => {
  const normal = layers.batchNormalization({ axis: 1, movingMeanInitializer: 'randomNormal', inputShape: [3, 4, 2] });
  write(await saved(sequential({ layers: [normal] })));
  const kernel = tf.getKernel('FusedBatchNorm', 'cpu');
  expect(await main([at('model.json'), at('out.onnx')])).toBe(0);
  expect(tf.getKernel('FusedBatchNorm', 'cpu')).toBe(kernel);
});

/** A model that makes much of the last bits of a sum. */
const sensitive: GraphDef = {
  nodes: [
    placeholder('x', [-1, 600]),
    node('sum', 'MatMul', ['x', 'kernel'], { T: attr.type('DT_FLOAT') }),
    node('large', 'Mul', ['sum', 'gain'], { T: attr.type('DT_FLOAT') }),
    node('y', 'Sin', ['large'], { T: attr.type('DT_FLOAT') }),
  ],
  weights: {
    kernel: { shape: [600, 8], values: Array.from({ length: 4800 }, (_, i) => Math.sin(i)) },
    gain: { shape: [], values: [1e3] },
  },
};

test('what rounding makes of the numbers is told, and tolerated where no tolerance is given', async () => {
  write(graphFiles(sensitive));
  expect(await main([at('model.json'), at('out.onnx'), '--tolerance', '1e-4'])).toBe(2);
  expect(said.stderr).toMatch(/\boutput y\b.*\brandom input 1\b/);
  expect(await main([at('model.json'), at('out.onnx')])).toBe(0);
  expect(said.stderr).toMatch(/^note: output y .*\brounding\b/m);
});

test('where rounding moves the numbers so far that a comparison tells nothing, that is said, and nothing is written', async () => {
  write(graphFiles({ ...sensitive, weights: { ...sensitive.weights, gain: { shape: [], values: [1e6] } } }));
  expect(await main([at('model.json'), at('out.onnx')])).toBe(2);
  expect(said.stderr).toMatch(/\boutput y\b.*\brounded\b.*--tolerance/);
  expect(readdirSync(folder()).sort()).toEqual(['model.json', 'weights.bin']);
  expect(await main([at('model.json'), at('out.onnx'), '--tolerance', '2'])).toBe(0);
});

/** A GraphModel that sorts 40 scores, of which each two are one sum in another order. */
const tied: GraphDef = {
  nodes: [
    placeholder('x', [-1, 300]),
    node('twice', 'ConcatV2', ['x', 'x', 'axis'], { N: attr.int(2), T: attr.type('DT_FLOAT') }),
    node('scores', 'MatMul', ['twice', 'kernel'], { T: attr.type('DT_FLOAT') }),
    node('sorted', 'TopKV2', ['scores', 'count'], { T: attr.type('DT_FLOAT'), sorted: attr.bool(true) }),
  ],
  weights: {
    axis: int(1),
    count: int(40),
    kernel: {
      shape: [600, 40],
      values: Array.from({ length: 24_000 }, (_, i) => {
        const [row, column] = [Math.floor(i / 40), i % 40];
        return Math.sin(((row + 300 * (column % 2)) % 600) * (1 + Math.floor(column / 2)));
      }),
    },
  },
  outputs: { values: 'sorted:0', places: 'sorted:1' },
};

test('an order that rounding alone decides is told apart from a wrong one', async () => {
  write(graphFiles(tied));
  expect(await main([at('model.json'), at('out.onnx'), '--json'])).toBe(0);
  const { checks } = JSON.parse(said.stdout);
  expect(checks).toMatchObject([{ output: 'values' }, { output: 'places', absolute: 0, decidedBy: ['TopK'] }]);
  expect(checks[0].decidedBy).toBe(undefined);
  expect(said.stderr).toMatch(/^note: output places .*\bTopK\b/m);
});

test.each([
  [
    'of equal numbers the first is not the first',
    (scores: Tensor) => tf.reverse(scores, -1),
    (place: Tensor) => tf.sub(5, place),
  ],
  ['the smallest number comes first', (scores: Tensor) => tf.neg(scores), (place: Tensor) => place],
])('a file in which %s is refused', async (_, before, after) => {
  const scores = ({ x }: Tensors) => tf.concat([x, x, tf.mul(x, 0.5)], -1);
  const program = {
    name: 'm',
    inputs: [{ name: 'x', shape: [2], dtype: 'float32' as const }],
    run: ({ x }: Readonly<Record<string, Tensor>>) => ({ y: tf.topk(scores({ x: x as Tensor }), 6).indices }),
  };
  const wrong = { ...program, run: ({ x }: Tensors) => ({ y: after(tf.topk(before(scores({ x })), 6).indices) }) };
  const graphOf = (run: (given: Tensors) => Readonly<Record<string, Tensor>>) =>
    graphOfFunction(run, { name: 'm', inputs: { x: { shape: [2], dtype: 'float32' } } });
  const file = serialize(graphOf(wrong.run));
  const deciding = { file: serialize(graphOf(withDecisions(wrong as never).run as never)), program };
  const ort = (await findRuntime()) as NonNullable<Awaited<ReturnType<typeof findRuntime>>>;
  const options = { samples: 1, tolerance: 1e-4, toleratesRounding: true, nchwInputs: false };
  const [found] = await compare(program, graphOf(wrong.run), file, ort, options, async () => deciding);
  expect(found && isTooLarge(found)).toBe(true);
});

test('long work in tfjs is shown, with its rate and the time left', async () => {
  let now = 0;
  const lines: string[] = [];
  const terminal = { isTTY: true, write: (text: string) => Boolean(lines.push(text)) };
  const run = ({ x }: Readonly<Record<string, Tensor>>) => {
    let y = x as tf.Tensor2D;
    for (let i = 0; i < 10; i++, now += 1000) y = tf.matMul(y, tf.ones([100, 100]));
    return { y };
  };
  const program = { name: 'm', inputs: [{ name: 'x', shape: [100, 100], dtype: 'float32' as const }], run };
  const work = new WorkShown(terminal as never, () => now);
  graphOfFunction(work.counted(program).run, { name: 'm', inputs: { x: { shape: [100, 100], dtype: 'float32' } } });
  now = 0;
  const x = tf.ones([100, 100]);
  await work.shown('tfjs', { x }, async () => run({ x }));
  // Each second a product of a million multiplications.
  expect(lines[0]).toMatch(/^\rtfjs: 40 %, 1 million .* 0:05 left/);
  expect(lines).toHaveLength(8);
  expect(lines.at(-1)).toBe('\r\x1b[K');
});

test('a difference counts though one on other inputs is larger beside tiny numbers', async () => {
  const program = { name: 'm', inputs: [{ name: 'x', shape: [4], dtype: 'float32' as const }], run: same };
  const graph = graphOfFunction(({ x }: Tensors) => ({ y: tf.add(tf.mul(x, 1.01), 1e-9) }), {
    name: 'm',
    inputs: { x: { shape: [4], dtype: 'float32' } },
  });
  const ort = (await findRuntime()) as NonNullable<Awaited<ReturnType<typeof findRuntime>>>;
  const options = { samples: 1, tolerance: 1e-4, toleratesRounding: true, nchwInputs: false };
  const [found] = await compare(program, graph, serialize(graph), ort, options);
  expect(found).toMatchObject({ output: 'y', on: 'random input 1' });
  expect(found && isTooLarge(found)).toBe(true);
});

type Tensors = Readonly<Record<'x', Tensor>>;
const same = ({ x }: Readonly<Record<string, Tensor>>) => ({ y: tf.clone(x as Tensor) });

test('nothing is written where tfjs gives other numbers', async () => {
  write(await saved());
  expect(await main([at('model.json'), at('out.onnx'), '--float16', '--tolerance', '1e-9'])).toBe(2);
  expect(said.stderr).toMatch(/output latent .*\brandom input 1\b.*1e-9/);
  expect(readdirSync(folder()).sort()).toEqual(['model.json', 'weights.bin']);
});
