import './support/tfjs.ts';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { boundedProgram } from '../../pipeline/tfjs-to-onnx/src/from/graph-model.ts';
import { convertGraphModel, graphOfGraphModel } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import {
  attr,
  executed,
  float,
  type GraphDef,
  graphModel,
  int,
  ints,
  node,
  placeholder,
  type WeightDef,
} from './support/graph-model.ts';
import { feed, hostTensors, openSession } from './support/ort.ts';
import { expectClose, read } from './support/parity.ts';

// tfjs-converter says where it executes a model asynchronously without need.
beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const random = (shape: number[], seed = 3, low = -1, high = 1) => tf.randomUniform(shape, low, high, 'float32', seed);
const weight = (shape: number[], seed: number): WeightDef => ({ shape, values: [...random(shape, seed).dataSync()] });
const T = { T: attr.type('DT_FLOAT') };
const I = { T: attr.type('DT_INT32') };

type Feeds = Readonly<Record<string, Tensor>>;

/** Converts a model and compares it with tfjs on each of the inputs. */
async function expectSame(def: GraphDef, given: readonly Feeds[], options = {}): Promise<string[]> {
  const model = await graphModel(def);
  const outputs = Object.keys(def.outputs ?? {});
  const session = await openSession(await convertGraphModel(model, options));
  for (const [i, inputs] of given.entries()) {
    const expected = await executed(model, inputs, outputs);
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, feed(x)]));
    const got = hostTensors(await session.run(feeds));
    expect(Object.keys(got)).toEqual(outputs);
    for (const [name, want] of Object.entries(expected))
      expectClose(got[name], read(want), 1e-5, `input ${i}, ${name}`);
  }
  const names = [...session.inputNames];
  await session.release();
  return names;
}

/** An image classifier with batch normalization folded by TensorFlow: convolution, bias, relu, mean, dense. */
const classifier: GraphDef = {
  nodes: [
    placeholder('serving_x', [-1, -1, -1, 3]),
    node('conv', '_FusedConv2D', ['serving_x', 'kernel', 'bias'], {
      ...T,
      num_args: attr.int(1),
      fused_ops: { list: { s: ['Qmlhc0FkZA==', 'UmVsdQ=='] } },
      strides: attr.ints(1, 2, 2, 1),
      dilations: attr.ints(1, 1, 1, 1),
      padding: attr.text('SAME'),
      data_format: attr.text('NHWC'),
      epsilon: { f: 0 },
    }),
    node('mean', 'Mean', ['conv', 'axes'], { ...T, keep_dims: attr.bool(false), Tidx: attr.type('DT_INT32') }),
    node('logits', 'MatMul', ['mean', 'dense'], { ...T, transpose_a: attr.bool(false), transpose_b: attr.bool(false) }),
    node('probabilities', 'Softmax', ['logits'], T),
  ],
  weights: { kernel: weight([3, 3, 3, 4], 1), bias: weight([4], 2), axes: ints(1, 2), dense: weight([4, 5], 3) },
  inputs: { image: 'serving_x' },
  outputs: { scores: 'probabilities', logits: 'logits' },
};

describe('a GraphModel agrees with tfjs', () => {
  test('with a given shape, at any batch size; inputs and outputs have the names of the signature', async () => {
    const given = [1, 3].map((n) => ({ image: random([n, 9, 10, 3], n) }));
    const names = await expectSame(classifier, given, { shapes: { image: ['N', 9, 10, 3] } });
    expect(names).toEqual(['image']);
  });

  test('with open height and width, even and odd', async () => {
    const sizes = [
      [1, 9, 10],
      [2, 10, 9],
      [1, 1, 1],
      [1, 64, 37],
    ] as const;
    const given = sizes.map(([n, h, w]) => ({ image: random([n, h, w, 3], h) }));
    await expectSame(classifier, given, { dynamic: { image: [1, 2] } });
  });

  test('with images that have their channels first', async () => {
    const model = await graphModel(classifier);
    const options = { shapes: { image: ['N', 8, 6, 3] }, nchwInputs: true };
    const graph = await graphOfGraphModel(model, options);
    expect(graph.shapes?.image).toEqual(['N', 3, 8, 6]);
    expect(graph.nodes[0]).toMatchObject({ op: 'Conv', inputs: [{ name: 'image' }, {}, {}] });
    const x = random([2, 8, 6, 3]);
    const session = await openSession(graph);
    const got = hostTensors(await session.run({ image: feed(tf.transpose(x, [0, 3, 1, 2])) }));
    expectClose(got.scores, read((await executed(model, { image: x }, ['scores'])).scores as Tensor), 1e-5, 'scores');
    await session.release();
  });

  test('and names nodes and weights as TensorFlow does', async () => {
    const graph = await graphOfGraphModel(await graphModel(classifier), {
      shapes: { image: [1, 8, 8, 3] },
      name: 'net',
    });
    expect(graph.name).toBe('net');
    expect(graph.nodes.map(({ name }) => name)).toContain('conv/Conv');
    expect(graph.constants.map(({ name }) => name)).toEqual(expect.arrayContaining(['kernel', 'dense']));
  });

  test('with quantized weights', async () => {
    const affine = (dtype: string) => ({ dtype, scale: 0.5, min: -1 });
    const half = { dtype: 'float16' };
    const def: GraphDef = {
      nodes: [
        placeholder('x', [-1, 3]),
        node('a', 'Mul', ['x', 'bytes'], T),
        node('b', 'Add', ['a', 'words'], T),
        node('y', 'Mul', ['b', 'halfs'], T),
      ],
      weights: {
        bytes: { shape: [3], values: [], stored: { quantization: affine('uint8'), bytes: [0, 3, 8], width: 1 } },
        words: { shape: [3], values: [], stored: { quantization: affine('uint16'), bytes: [1, 500, 60000], width: 2 } },
        halfs: { shape: [3], values: [], stored: { quantization: half, bytes: [0x3c00, 0xc000, 0x3555], width: 2 } },
      },
      inputs: { x: 'x' },
      outputs: { y: 'y' },
    };
    await expectSame(def, [{ x: random([2, 3]) }]);
  });

  test('with shapes that are computed from shapes', async () => {
    const def: GraphDef = {
      nodes: [
        placeholder('x', [-1, 4, 6]),
        node('shape', 'Shape', ['x'], { ...T, out_type: attr.type('DT_INT32') }),
        node('n', 'StridedSlice', ['shape', 'zero', 'one', 'one'], { ...I, shrink_axis_mask: attr.int(1) }),
        node('target', 'Pack', ['n', 'half', 'rest'], { ...I, N: attr.int(3), axis: attr.int(0) }),
        node('y', 'Reshape', ['x', 'target'], T),
        node('count', 'Cast', ['n'], { SrcT: attr.type('DT_INT32'), DstT: attr.type('DT_FLOAT') }),
        node('share', 'RealDiv', ['y', 'count'], T),
      ],
      weights: { zero: ints(0), one: ints(1), half: int(8), rest: int(3) },
      inputs: { x: 'x' },
      outputs: { y: 'y', share: 'share' },
    };
    await expectSame(def, [{ x: random([1, 4, 6]) }, { x: random([5, 4, 6]) }]);
  });

  test('with an output that is an input, or is listed twice, and outputs without a signature', async () => {
    const def: GraphDef = {
      nodes: [placeholder('x', [-1, 2]), node('same', 'Identity', ['x'], T), node('twice', 'AddV2', ['x', 'x'], T)],
      inputs: { x: 'x' },
      outputs: { y: 'same', first: 'twice', second: 'twice' },
    };
    await expectSame(def, [{ x: random([2, 2]) }]);
    const { inputs: _, outputs: __, ...bare } = def;
    const session = await openSession(await convertGraphModel(await graphModel(bare)));
    expect([session.inputNames, session.outputNames]).toEqual([['x'], ['same', 'twice']]);
    await session.release();
  });

  test.each([0, 1])('with an input that is always %i, on which switches depend', async (value) => {
    const def: GraphDef = {
      nodes: [
        placeholder('x', [-1, 2]),
        node('phase', 'Placeholder', [], { dtype: attr.type('DT_BOOL'), shape: { shape: { unknownRank: true } } }),
        node('switch', 'Switch', ['x', 'phase'], T),
        node('off', 'Neg', ['switch'], T),
        node('on', 'Relu', ['switch:1'], T),
        node('y', 'Merge', ['off', 'on'], { ...T, N: attr.int(2) }),
      ],
      inputs: { x: 'x', phase: 'phase' },
      outputs: { y: 'y' },
    };
    const { inputs, nodes } = await graphOfGraphModel(await graphModel(def), { values: { phase: value } });
    expect([inputs.map(({ name }) => name), nodes.map(({ op }) => op)]).toEqual([['x'], [value ? 'Relu' : 'Neg']]);
    const two = convertGraphModel(await graphModel(def), { values: { x: [1, 2, 3], phase: value } });
    await expect(two).rejects.toThrow(/^input x .*\[any, 2\].*\b3\b/);
  });

  test('with a batch size that has to stay 1, and says why', async () => {
    const def: GraphDef = {
      nodes: [placeholder('x', [-1, 6]), node('y', 'Reshape', ['x', 'two'], T)],
      weights: { two: ints(2, 3) },
      inputs: { x: 'x' },
      outputs: { y: 'y' },
    };
    const graph = await graphOfGraphModel(await graphModel(def));
    expect(graph.shapes?.x).toEqual([1, 6]);
    expect(graph.notes).toEqual([expect.stringMatching(/fixed at 1: .*\by\b/)]);
  });
});

/** A graph of boxes and scores that ends in a suppression, and in what is done with its results. */
const suppression = (op: string, more: readonly string[] = [], attrs = {}): GraphDef => ({
  nodes: [
    placeholder('boxes', [20, 4]),
    placeholder('scores', [20]),
    node('nms', op, ['boxes', 'scores', 'most', 'overlap', 'least', ...more], { ...T, ...attrs }),
    node('kept', 'GatherV2', ['boxes', 'nms', 'axis'], { Tparams: attr.type('DT_FLOAT') }),
  ],
  weights: { most: int(8), overlap: float(0.4), least: float(0.3), sigma: float(0), axis: int(0) },
  inputs: { boxes: 'boxes', scores: 'scores' },
  outputs: { places: 'nms', kept: 'kept' },
});

function boxes(seed: number): Feeds {
  const corner = random([20, 2], seed, 0, 3);
  return {
    boxes: tf.concat([corner, tf.add(corner, random([20, 2], seed + 1, 0.2, 2))], 1),
    scores: random([20], seed + 2, 0, 1),
  };
}
const none: Feeds = { boxes: tf.zeros([20, 4]), scores: tf.zeros([20]) };

describe('results whose size depends on values', () => {
  const samples = [boxes(1), boxes(7), boxes(13), none];

  test('non-maximum suppression', async () => {
    await expectSame(suppression('NonMaxSuppressionV3'), samples);
    const scored = suppression('NonMaxSuppressionV5', ['sigma']);
    await expectSame({ ...scored, outputs: { ...scored.outputs, scored: 'nms:1' } }, samples);
  });

  test.each([true, false])('with and without zeros at the end (%s)', async (padded) => {
    const def = suppression('NonMaxSuppressionV4', [], { pad_to_max_output_size: attr.bool(padded) });
    await expectSame({ ...def, outputs: { ...def.outputs, count: 'nms:1' } }, samples);
  });

  /** The numbers of `x` above 0, their places, and `n` of them; needs the weights zero, from and to. */
  const POSITIVE_VALUES = [
    node('positive', 'Greater', ['x', 'zero'], T),
    node('places', 'Where', ['positive'], { T: attr.type('DT_BOOL') }),
    node('values', 'GatherNd', ['x', 'places'], { Tparams: attr.type('DT_FLOAT'), Tindices: attr.type('DT_INT32') }),
    node('shape', 'Shape', ['values'], { ...T, out_type: attr.type('DT_INT32') }),
    node('n', 'StridedSlice', ['shape', 'from', 'to', 'to'], { ...I, shrink_axis_mask: attr.int(1) }),
  ];

  test('the places where a condition holds, counted and padded', async () => {
    const def: GraphDef = {
      nodes: [
        placeholder('x', [12, 2]),
        ...POSITIVE_VALUES,
        node('missing', 'Sub', ['full', 'n'], I),
        node('zeros', 'Fill', ['missings', 'zero'], { ...T, index_type: attr.type('DT_INT32') }),
        node('missings', 'Pack', ['missing'], { ...I, N: attr.int(1), axis: attr.int(0) }),
        node('padded', 'ConcatV2', ['values', 'zeros', 'axis'], { ...T, N: attr.int(2) }),
        node('counted', 'Range', ['axis', 'n', 'step'], { Tidx: attr.type('DT_INT32') }),
        node('within', 'Less', ['axis', 'n'], I),
      ],
      weights: { zero: float(0), from: ints(0), to: ints(1), full: int(24), axis: int(0), step: int(1) },
      inputs: { x: 'x' },
      outputs: { places: 'places', values: 'values', padded: 'padded', counted: 'counted', within: 'within' },
    };
    await expectSame(def, [{ x: random([12, 2], 1) }, { x: random([12, 2], 2) }, { x: tf.ones([12, 2]) }]);
  });

  test('a size that is cut off at a limit, on both sides of it', async () => {
    const def: GraphDef = {
      nodes: [
        placeholder('x', [200]),
        ...POSITIVE_VALUES,
        node('k', 'Minimum', ['n', 'most'], I),
        node('largest', 'TopKV2', ['values', 'k'], { ...T, sorted: attr.bool(true) }),
        node('sorted', 'GatherV2', ['places', 'largest:1', 'axis'], { Tparams: attr.type('DT_INT32') }),
      ],
      weights: { zero: float(0), from: ints(0), to: ints(1), most: int(60), axis: int(0) },
      inputs: { x: 'x' },
      outputs: { largest: 'largest', sorted: 'sorted' },
    };
    await expectSame(def, [{ x: random([200], 1) }, { x: random([200], 2, -9, 1) }]);
  });
});

/** `x` is doubled three times, in a loop of the graph itself. */
const loop: GraphDef = {
  nodes: [
    placeholder('x', [-1, 2]),
    node('enter_i', 'Enter', ['i'], { ...I, frame_name: attr.text('loop'), is_constant: attr.bool(false) }),
    node('enter_x', 'Enter', ['x'], { ...T, frame_name: attr.text('loop'), is_constant: attr.bool(false) }),
    node('enter_n', 'Enter', ['n'], { ...I, frame_name: attr.text('loop'), is_constant: attr.bool(true) }),
    node('enter_one', 'Enter', ['one'], { ...I, frame_name: attr.text('loop'), is_constant: attr.bool(true) }),
    node('merge_i', 'Merge', ['enter_i', 'next_i'], { ...I, N: attr.int(2) }),
    node('merge_x', 'Merge', ['enter_x', 'next_x'], { ...T, N: attr.int(2) }),
    node('less', 'Less', ['merge_i', 'enter_n'], I),
    node('cond', 'LoopCond', ['less']),
    node('switch_i', 'Switch', ['merge_i', 'cond'], I),
    node('switch_x', 'Switch', ['merge_x', 'cond'], T),
    node('add', 'Add', ['switch_i:1', 'enter_one'], I),
    node('double', 'Add', ['switch_x:1', 'switch_x:1'], T),
    node('next_i', 'NextIteration', ['add'], I),
    node('next_x', 'NextIteration', ['double'], T),
    node('y', 'Exit', ['switch_x'], T),
  ],
  weights: { i: int(0), n: int(3), one: int(1) },
  inputs: { x: 'x' },
  outputs: { y: 'y' },
};

const argument = (name: string, type: string) => ({ name, type });
/** A function of two arguments. */
const functionDef = (name: string, types: string[], nodeDef: object[], ret: Record<string, string>) => ({
  signature: {
    name,
    inputArg: types.map((type, i) => argument(`a${i}`, type)),
    outputArg: Object.keys(ret).map((key, i) => argument(key, types[i] ?? 'DT_BOOL')),
  },
  nodeDef,
  ret,
});

/** The same with functions, and a branch that is taken by a constant. */
const functional = (condition: 'flag' | 'x'): GraphDef => ({
  nodes: [
    placeholder('x', [-1, 2]),
    node('while', 'StatelessWhile', ['i', 'x'], { cond: attr.func('cond'), body: attr.func('body') }),
    node('any', 'Any', ['positive', 'axes'], { keep_dims: attr.bool(false) }),
    node('positive', 'Greater', ['x', 'zero'], T),
    node('y', 'StatelessIf', [condition === 'flag' ? 'flag' : 'any', 'while:1'], {
      then_branch: attr.func('negate'),
      else_branch: attr.func('same'),
    }),
  ],
  functions: [
    functionDef(
      'cond',
      ['DT_INT32', 'DT_FLOAT'],
      [node('three', 'Const', [], { dtype: attr.type('DT_INT32') }), node('less', 'Less', ['a0', 'three'], I)],
      { less: 'less' },
    ),
    functionDef(
      'body',
      ['DT_INT32', 'DT_FLOAT'],
      [
        node('one', 'Const', [], { dtype: attr.type('DT_INT32') }),
        node('add', 'AddV2', ['a0', 'one'], I),
        node('double', 'AddV2', ['a1', 'a1'], T),
      ],
      { add: 'add', double: 'double' },
    ),
    functionDef('negate', ['DT_FLOAT'], [node('minus', 'Neg', ['a0'], T)], { minus: 'minus' }),
    functionDef('same', ['DT_FLOAT'], [node('kept', 'Identity', ['a0'], T)], { kept: 'kept' }),
  ],
  weights: {
    i: int(0),
    three: int(3),
    one: int(1),
    zero: float(0),
    axes: ints(0, 1),
    flag: { shape: [], values: [1], dtype: 'bool' },
  },
  inputs: { x: 'x' },
  outputs: { y: 'y' },
});

/** `x` is doubled, by a loop of functions, until its sum is above 20. */
const until: GraphDef = {
  nodes: [
    placeholder('x', [-1, 2]),
    node('while', 'StatelessWhile', ['i', 'x', 'limit'], { cond: attr.func('cond'), body: attr.func('body') }),
    node('steps', 'Identity', ['while'], I),
    node('y', 'Identity', ['while:1'], T),
  ],
  functions: [
    functionDef(
      'cond',
      ['DT_INT32', 'DT_FLOAT', 'DT_FLOAT'],
      [
        node('axes', 'Const', [], { dtype: attr.type('DT_INT32') }),
        node('sum', 'Sum', ['a1', 'axes'], { ...T, keep_dims: attr.bool(false) }),
        node('less', 'Less', ['sum', 'a2'], T),
      ],
      { less: 'less' },
    ),
    functionDef(
      'body',
      ['DT_INT32', 'DT_FLOAT', 'DT_FLOAT'],
      [
        node('one', 'Const', [], { dtype: attr.type('DT_INT32') }),
        node('add', 'AddV2', ['a0', 'one'], I),
        node('double', 'AddV2', ['a1', 'a1'], T),
        node('kept', 'Identity', ['a2'], T),
      ],
      { add: 'add', double: 'double', kept: 'kept' },
    ),
  ],
  weights: { i: int(0), one: int(1), axes: ints(0, 1), limit: float(20) },
  inputs: { x: 'x' },
  outputs: { steps: 'steps', y: 'y' },
};

/** A sequence taken apart and put together again by lists of tensors. */
const lists: GraphDef = {
  nodes: [
    placeholder('x', [3, 2]),
    node('list', 'TensorListFromTensor', ['x', 'element'], { element_dtype: attr.type('DT_FLOAT') }),
    node('made', 'TensorListReserve', ['element', 'two'], { element_dtype: attr.type('DT_FLOAT') }),
    node('a', 'TensorListGetItem', ['list', 'two', 'element'], { element_dtype: attr.type('DT_FLOAT') }),
    node('b', 'TensorListGetItem', ['list', 'zero', 'element'], { element_dtype: attr.type('DT_FLOAT') }),
    node('set_a', 'TensorListSetItem', ['made', 'zero', 'a'], { element_dtype: attr.type('DT_FLOAT') }),
    node('set_b', 'TensorListSetItem', ['set_a', 'one', 'b'], { element_dtype: attr.type('DT_FLOAT') }),
    node('y', 'TensorListStack', ['set_b', 'element'], {
      element_dtype: attr.type('DT_FLOAT'),
      num_elements: attr.int(2),
    }),
  ],
  weights: { element: ints(2), zero: int(0), one: int(1), two: int(2) },
  inputs: { x: 'x' },
  outputs: { y: 'y' },
};

describe('control flow', () => {
  test('a loop that counts is unrolled', async () => {
    await expectSame(loop, [{ x: random([1, 2]) }, { x: random([3, 2]) }]);
  });

  test('a loop and a branch of functions', async () => {
    await expectSame(functional('flag'), [{ x: random([1, 2]) }, { x: random([3, 2]) }]);
  });

  test('lists of tensors', async () => {
    await expectSame(lists, [{ x: random([3, 2]) }]);
  });

  test('a branch that depends on the input', async () => {
    await expectSame(functional('x'), [{ x: random([1, 2]) }, { x: random([3, 2], 3, -1, 0) }, { x: random([4, 2]) }]);
  });

  test('a loop that depends on the input', async () => {
    const [few, many, none] = [1, 0.01, 40].map((size) => ({ x: random([3, 2], 3, size / 2, size) }));
    await expectSame(until, [few, many, none, { x: random([1, 2], 3, 1, 2) }] as Feeds[]);
    const { nodes } = await graphOfGraphModel(await graphModel(until));
    expect(nodes.filter(({ op }) => op === 'Loop').map(({ name }) => name)).toEqual(['while/Loop']);
  });

  test('a loop that does not end is told of where the model is run', async () => {
    const { run } = boundedProgram(await graphModel(until), 'model', { most: 1_000 });
    await expect(run({ x: random([1, 2], 3, 1, 2) })).resolves.toHaveProperty('y');
    await expect(run({ x: tf.zeros([1, 2]) })).rejects.toThrow(/^node \w+ \(\w+\): .*\b1000 nodes\b/);
  });

  test('a loop that depends on the input and changes a shape is refused', async () => {
    const grows = node('double', 'ConcatV2', ['a1', 'a1', 'one'], {
      ...T,
      N: attr.int(2),
      Tidx: attr.type('DT_INT32'),
    });
    const def = {
      ...until,
      functions: until.functions?.map((one) => ({
        ...one,
        nodeDef: (one as { nodeDef: { name: string }[] }).nodeDef.map((inner) =>
          inner.name === 'double' ? grows : inner,
        ),
      })),
    } as GraphDef;
    await expect(convertGraphModel(await graphModel(def))).rejects.toThrow(/^node while \(StatelessWhile\): .*shape/);
    expect(tf.getBackend()).toBe('cpu');
  });

  test('of switches that depend on the input is refused by its name', async () => {
    const switched = {
      ...loop,
      nodes: loop.nodes.map((one) => (one.name === 'less' ? node('less', 'Less', ['merge_i', 'x'], T) : one)),
    };
    await expect(convertGraphModel(await graphModel(switched))).rejects.toThrow(/^node switch_\w \(Switch\): .*values/);
  });
});

test('a conversion leaves the model and tfjs as they were', async () => {
  const model = await graphModel(suppression('NonMaxSuppressionV3'));
  const given = boxes(1);
  const before = read((await executed(model, given, ['places'])).places as Tensor);
  await convertGraphModel(model);
  await convertGraphModel(model);
  const after = read((await executed(model, given, ['places'])).places as Tensor);
  expect(after.values).toEqual(before.values);
});
