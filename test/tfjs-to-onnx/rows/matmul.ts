import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { bool, float, given, int } from '../support/tensors.ts';

const noGradients = { gradients: false };

const flags = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

type Activation = NonNullable<Parameters<typeof tf.fused.matMul>[0]['activation']>;
const activations: Activation[] = ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'];

const layer = { x: float([4, 5], -3, 3), w: float([5, 3]), b: float([3]) };
const named = (a: boolean, b: boolean) => `${a ? ', a transposed' : ''}${b ? ', b transposed' : ''}`;

export const matMulRows: Row[] = [
  ...flags.flatMap(([ta, tb]) => [
    row(`matMul${named(ta, tb)}`, { a: float(ta ? [4, 3] : [3, 4]), b: float(tb ? [5, 4] : [4, 5]) }, ({ a, b }) =>
      tf.matMul(a, b, ta, tb),
    ),
    row(
      `batched matMul${named(ta, tb)}`,
      { a: float(ta ? [2, 4, 3] : [2, 3, 4]), b: float(tb ? [2, 5, 4] : [2, 4, 5]) },
      ({ a, b }) => tf.matMul(a, b, ta, tb),
    ),
    row(
      `fused matMul${named(ta, tb)}`,
      { a: float(ta ? [4, 3] : [3, 4]), b: float(tb ? [5, 4] : [4, 5]), bias: float([5]) },
      ({ a, b, bias }) =>
        tf.fused.matMul({
          a: a as Tensor2D,
          b: b as Tensor2D,
          transposeA: ta,
          transposeB: tb,
          bias,
          activation: 'relu',
        }),
    ),
  ]),
  row('matMul, one pair of a stack', { a: float([1, 3, 4]), b: float([1, 4, 2]) }, ({ a, b }) => tf.matMul(a, b)),
  row('matMul, a stack and a matrix', { a: float([3, 2, 4]), b: float([1, 4, 5]) }, ({ a, b }) => tf.matMul(a, b), {
    gradients: false,
  }),
  row(
    'matMul, a matrix and a stack of rank 4',
    { a: float([2, 4]), b: float([2, 3, 4, 5]) },
    ({ a, b }) => tf.matMul(a, b),
    { gradients: false },
  ),
  row('matMul of rank 4', { a: float([2, 3, 2, 4]), b: float([2, 3, 4, 2]) }, ({ a, b }) => tf.matMul(a, b), {
    gradients: false,
  }),
  row('dot', { a: float([4]), b: float([4]) }, ({ a, b }) => tf.dot(a, b)),
  row('dot of a matrix and a vector', { a: float([3, 4]), b: float([4]) }, ({ a, b }) => tf.dot(a, b)),
  row('outer product', { a: float([3]), b: float([4]) }, ({ a, b }) => tf.outerProduct(a, b)),
  ...activations.map((activation) =>
    row(
      `fused matMul, ${activation}`,
      layer,
      ({ x, w, b }) => tf.fused.matMul({ a: x, b: w, bias: b, activation, leakyreluAlpha: 0.3 }),
      { gradients: activation !== 'leakyrelu' && activation !== 'sigmoid' },
    ),
  ),
  row(
    'fused matMul, prelu',
    { ...layer, alpha: float([3]) },
    ({ x, w, b, alpha }) =>
      tf.fused.matMul({ a: x, b: w, bias: b, activation: 'prelu', preluActivationWeights: alpha }),
    { gradients: false },
  ),
  row('fused matMul without a bias', { x: layer.x, w: layer.w }, ({ x, w }) =>
    tf.fused.matMul({ a: x, b: w, activation: 'relu' }),
  ),
  row(
    'fused matMul, a bias of one',
    { x: layer.x, w: layer.w, b: float([1]) },
    ({ x, w, b }) => tf.fused.matMul({ a: x, b: w, bias: b }),
    { gradients: false },
  ),
  row('fused matMul, a bias by row', { x: layer.x, w: layer.w, b: float([4, 3]) }, ({ x, w, b }) =>
    tf.fused.matMul({ a: x, b: w, bias: b }),
  ),
  row(
    'fused matMul of stacks',
    { a: float([2, 3, 4]), b: float([2, 4, 5]), c: float([5]) },
    ({ a, b, c }) => tf.fused.matMul({ a, b, bias: c, activation: 'relu' }),
    { gradients: false },
  ),
  row('dense layer from its parts', layer, ({ x, w, b }) => tf.tanh(tf.add(tf.matMul(x, w), b))),
  row('einsum', { a: float([2, 3, 4]), b: float([4, 5]) }, ({ a, b }) => tf.einsum('bij,jk->bik', a, b), {
    gradients: false,
  }),
  row('einsum over two axes', { a: float([3, 4]), b: float([4, 3]) }, ({ a, b }) => tf.einsum('ij,ji->', a, b), {
    gradients: false,
  }),
  ...(['bij,bjk->bik', 'ij,ij->i', 'ij,kj->ik', 'ij,k->kji', 'bij,b->j', 'ij,ji->j', ',ij->ij'] as const).map(
    (equation) => {
      const sizes = { b: 2, i: 3, j: 4, k: 5 };
      const [a = [], b = []] = (equation.split('->')[0] ?? '')
        .split(',')
        .map((term) => [...term].map((axis) => sizes[axis as keyof typeof sizes]));
      return row(
        `einsum ${equation}`,
        { a: float(a), b: float(b) },
        ({ a, b }) => tf.einsum(equation, a, b),
        noGradients,
      );
    },
  ),
  row(
    'einsum of one tensor, with other letters and spaces',
    { x: float([2, 3, 4]), n: int([2, 3]), b: bool([2, 3]) },
    ({ x, n, b }) => [
      tf.einsum('abc->cab', x),
      tf.einsum('ab c -> b', x),
      tf.einsum('1αZ->Z1', x),
      tf.einsum('ij->', n),
      tf.einsum('ij->', b),
      tf.einsum('ij->ji', b),
      tf.einsum('ij,ij->j', n, n),
    ],
    noGradients,
  ),
  row(
    'integers beyond 2³¹',
    { a: given([2, 2], [2 ** 30, 2 ** 30, 2 ** 30, -7], 'int32'), b: given([2, 2], [2, 3, 1, 1000], 'int32') },
    ({ a, b }) => [tf.matMul(a, b), tf.einsum('ij,jk->ik', a, b), tf.einsum('ij->', a), tf.einsum('ij,ij->', a, b)],
    noGradients,
  ),
  row(
    'matMul of int32',
    { a: int([3, 4]), b: int([4, 2]), s: int([2, 2, 3]) },
    ({ a, b, s }) => [tf.matMul(a, b), tf.matMul(s, a), tf.matMul(tf.cast(a, 'bool'), b)],
    noGradients,
  ),
  ...[...activations, 'prelu' as const].map((activation) =>
    row(
      `fused matMul of int32 and a bias of float32, ${activation}`,
      { x: int([4, 5]), w: int([5, 3]), b: float([3]), p: float([3]) },
      ({ x, w, b, p }) =>
        tf.fused.matMul({ a: x, b: w, bias: b, activation, leakyreluAlpha: 0.3, preluActivationWeights: p }),
      noGradients,
    ),
  ),
];
