import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { bool, float, given, int } from '../support/tensors.ts';

type Op = (x: Tensor) => Tensor;

/** Functions of one tensor by the range that they are tried in. */
const smooth: readonly [string, Op, number, number][] = [
  ['abs', tf.abs, -2, 2],
  ['acos', tf.acos, -0.9, 0.9],
  ['acosh', tf.acosh, 1.1, 5],
  ['asin', tf.asin, -0.9, 0.9],
  ['asinh', tf.asinh, -3, 3],
  ['atan', tf.atan, -3, 3],
  ['atanh', tf.atanh, -0.9, 0.9],
  ['ceil', tf.ceil, -3, 3],
  ['clip', (x) => tf.clipByValue(x, -0.5, 0.25), -1, 1],
  ['cos', tf.cos, -4, 4],
  ['cosh', tf.cosh, -2, 2],
  ['elu', tf.elu, -3, 3],
  ['erf', tf.erf, -3, 3],
  ['exp', tf.exp, -4, 3],
  ['expm1', tf.expm1, -2, 2],
  ['floor', tf.floor, -3, 3],
  ['leakyRelu', (x) => tf.leakyRelu(x, 0.3), -2, 2],
  ['log', tf.log, 0.1, 5],
  ['log1p', tf.log1p, -0.5, 5],
  ['logSigmoid', tf.logSigmoid, -5, 5],
  ['neg', tf.neg, -2, 2],
  ['reciprocal', tf.reciprocal, 0.2, 3],
  ['relu', tf.relu, -2, 2],
  ['relu6', tf.relu6, -9, 9],
  ['round', tf.round, -3, 3],
  ['rsqrt', tf.rsqrt, 0.2, 4],
  ['selu', tf.selu, -3, 3],
  ['sigmoid', tf.sigmoid, -8, 8],
  ['sign', tf.sign, -2, 2],
  ['sin', tf.sin, -4, 4],
  ['sinh', tf.sinh, -2, 2],
  ['softplus', tf.softplus, -6, 6],
  ['sqrt', tf.sqrt, 0.1, 4],
  ['square', tf.square, -2, 2],
  ['step', (x) => tf.step(x), -1, 1],
  ['step with a slope', (x) => tf.step(x, 0.3), -1, 1],
  ['tan', tf.tan, -1.2, 1.2],
  ['tanh', tf.tanh, -3, 3],
];

const halves = given([8], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0, -0.49]);
const strange = given([5], [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -1]);
const zeros = given([5], [-1, 0, -0, 1e-30, 1]);

export const unaryRows: Row[] = [
  ...smooth.map(([name, op, low, high]) => row(name, { x: float([2, 3, 5], low, high) }, ({ x }) => op(x))),
  ...smooth.map(([name, op, low, high]) => row(`${name} of a scalar`, { x: float([], low, high) }, ({ x }) => op(x))),

  // ONNX Runtime makes one node of it.
  ...[[], [1, 1]].map((shape) =>
    row(`gelu of one number [${shape}]`, { x: float(shape) }, ({ x }) => {
      const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3))));
      return tf.leakyRelu(tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner))));
    }),
  ),
  row('gates by numbers of a higher rank', { x: float([4], -4, 4) }, ({ x }) => [
    tf.clipByValue(tf.add(tf.mul(x, [[0.2]]), [[0.5]]), 0, 1),
    tf.div(tf.mul(x, tf.relu6(tf.add(x, [[3]]))), 6),
    tf.div(tf.mul(x, tf.relu6(tf.add(x, 3))), [[6]]),
    tf.minimum(tf.relu(x), [[1]]),
  ]),
  row('isFinite', { x: strange }, ({ x }) => tf.isFinite(x), { gradients: false }),
  row('isInf', { x: strange }, ({ x }) => tf.isInf(x), { gradients: false }),
  row('isNaN', { x: strange }, ({ x }) => tf.isNaN(x), { gradients: false }),
  row('floor and ceil of what is not finite', { x: strange }, ({ x }) => [tf.floor(x), tf.ceil(x)], {
    gradients: false,
  }),
  row('round halves', { x: halves }, ({ x }) => tf.round(x)),
  row('step at zero', { x: zeros }, ({ x }) => [tf.step(x), tf.step(x, 0.5)]),
  row('relu at zero', { x: zeros }, ({ x }) => tf.relu(x)),
  row('sign at zero', { x: zeros }, ({ x }) => tf.sign(x)),
  row('clip with one bound infinite', { x: float([3, 4]) }, ({ x }) => tf.clipByValue(x, 0, Number.POSITIVE_INFINITY)),
  row('softplus and sigmoid far out', { x: given([4], [-60, 60, -100, 100]) }, ({ x }) => [
    tf.softplus(x),
    tf.sigmoid(x),
  ]),

  row('abs int32', { x: int([3, 4]) }, ({ x }) => tf.abs(x)),
  row('neg int32', { x: int([3, 4]) }, ({ x }) => tf.neg(x)),
  row('relu int32', { x: int([3, 4]) }, ({ x }) => tf.relu(x)),
  row('relu int32 up to a number', { x: int([3, 4]) }, ({ x }) => tf.minimum(tf.relu(x), tf.scalar(2, 'int32'))),
  row('relu6 int32', { x: int([3, 4], -9, 9) }, ({ x }) => tf.relu6(x)),
  row('sign int32', { x: int([3, 4]) }, ({ x }) => tf.sign(x)),
  row('square int32', { x: int([3, 4]) }, ({ x }) => tf.square(x)),
  row('clip int32', { x: int([3, 4]) }, ({ x }) => tf.clipByValue(x, -2, 3)),
  row('step int32', { x: int([3, 4]) }, ({ x }) => tf.step(x)),
  row('logicalNot', { x: bool([3, 4]) }, ({ x }) => tf.logicalNot(x)),
];
