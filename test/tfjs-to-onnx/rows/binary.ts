import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { bool, float, given, int, whole } from '../support/tensors.ts';

type Op = (a: Tensor, b: Tensor) => Tensor;
type Shape = readonly number[];

/** tfjs types these for tensors of one rank, and computes them for others. */
const prelu: Op = tf.prelu;
const where: (condition: Tensor, a: Tensor, b: Tensor) => Tensor = tf.where;

/** Every way in which two shapes broadcast. */
const broadcasts: readonly [string, Shape, Shape][] = [
  ['same shape', [2, 3, 4], [2, 3, 4]],
  ['scalar right', [2, 3, 4], []],
  ['scalar left', [], [2, 3, 4]],
  ['one element', [1, 1], [2, 3]],
  ['two scalars', [], []],
  ['row', [3, 4], [4]],
  ['column', [3, 4], [3, 1]],
  ['outer', [3, 1], [1, 4]],
  ['ones within', [2, 1, 4], [2, 3, 1]],
  ['higher rank', [4], [2, 3, 4]],
  ['per channel', [2, 3, 3, 5], [5]],
  ['image and pixel mask', [2, 3, 3, 5], [3, 3, 1]],
];

const operations: readonly [string, Op, number][] = [
  ['add', tf.add, -1],
  ['sub', tf.sub, -1],
  ['mul', tf.mul, -1],
  ['div', tf.div, 0.5],
  ['pow', tf.pow, 0.5],
  ['maximum', tf.maximum, -1],
  ['minimum', tf.minimum, -1],
  ['squaredDifference', tf.squaredDifference, -1],
];

/** tfjs's gradients of these forget to sum over what was broadcast, and it refuses them. */
const sameShapeOnly = new Set(['maximum', 'minimum', 'squaredDifference']);

const comparisons: readonly [string, Op][] = [
  ['equal', tf.equal],
  ['notEqual', tf.notEqual],
  ['greater', tf.greater],
  ['greaterEqual', tf.greaterEqual],
  ['less', tf.less],
  ['lessEqual', tf.lessEqual],
];

const connectives: readonly [string, Op][] = [
  ['logicalAnd', tf.logicalAnd],
  ['logicalOr', tf.logicalOr],
];

export const binaryRows: Row[] = [
  ...operations.flatMap(([name, op, low]) =>
    broadcasts.map(([how, a, b]) =>
      row(`${name}, ${how}`, { a: float(a, low, 2), b: float(b, low, 2) }, (x) => op(x.a, x.b), {
        gradients: how === 'same shape' || !sameShapeOnly.has(name),
      }),
    ),
  ),
  ...operations
    .filter(([name]) => name !== 'div')
    .map(([name, op]) => row(`${name} int32`, { a: int([3, 4], 1, 5), b: int([4], 0, 4) }, (x) => op(x.a, x.b))),
  ...comparisons.flatMap(([name, op]) => [
    row(`${name} float32`, { a: float([3, 4]), b: float([4]) }, (x) => op(x.a, x.b), { gradients: false }),
    row(`${name} int32`, { a: int([4, 1], 0, 3), b: int([5], 0, 3) }, (x) => op(x.a, x.b)),
    row(`${name} bool`, { a: bool([3, 4]), b: bool([3, 4]) }, (x) => op(x.a, x.b)),
  ]),
  ...connectives.map(([name, op]) => row(name, { a: bool([3, 4]), b: bool([1, 4]) }, (x) => op(x.a, x.b))),

  row('bitwiseAnd', { a: int([3, 4], -99, 99), b: int([3, 4], -99, 99) }, ({ a, b }) => tf.bitwiseAnd(a, b)),
  row('logicalXor', { a: bool([3, 4]), b: bool([4]) }, ({ a, b }) => tf.logicalXor(a, b)),
  row('where, mixed', { c: bool([4]), a: int([4]), b: float([4]) }, ({ c, a, b }) => where(c, a, b), {
    gradients: false,
  }),
  row('where, bool', { c: bool([9]), a: bool([9]), b: bool([9]) }, ({ c, a, b }) => where(c, a, b)),
  row(
    'comparisons of float32 and int32',
    { a: whole([3, 4]), b: int([4]) },
    ({ a, b }) => [tf.equal(a, b), tf.less(b, a), tf.greaterEqual(a, b)],
    { gradients: false },
  ),
  row(
    'zeros of both signs',
    { a: float([3], 1, 2) },
    ({ a }) => [tf.div(a, 0), tf.div(a, -0), tf.div(1, tf.mul(a, tf.tensor1d([0, -0, 0])))],
    { gradients: false },
  ),
  row('one tensor twice', { a: float([3, 4]) }, ({ a }) => tf.mul(a, a)),
  row('add float32 and int32', { a: float([3]), b: int([3]) }, (x) => tf.add(x.a, x.b)),
  row('multiply bools', { a: bool([6]), b: bool([6]) }, (x) => tf.mul(x.a, x.b)),
  row('div int32', { a: int([4], -7, 8), b: int([4], 1, 4) }, (x) => tf.div(x.a, x.b)),
  row('floorDiv float32', { a: float([6], -7, 8), b: float([6], 1, 4) }, (x) => tf.floorDiv(x.a, x.b), {
    gradients: false,
  }),
  row('floorDiv int32', { a: int([3, 4], -7, 8), b: int([4], 1, 4) }, (x) => tf.floorDiv(x.a, x.b)),
  row('pow with an integer exponent of a negative base', { a: float([6], -2, 0) }, ({ a }) => tf.pow(a, 3), {
    gradients: false,
  }),
  row('prelu', { x: float([2, 3, 4]), alpha: float([4]) }, ({ x, alpha }) => prelu(x, alpha)),
  row('prelu with one slope a pixel', { x: float([2, 3, 4]), alpha: float([3, 4]) }, (i) => prelu(i.x, i.alpha)),
  row('prelu with slopes shared over pixels', { x: float([2, 3, 3, 4]), alpha: float([1, 1, 4]) }, (i) =>
    prelu(i.x, i.alpha),
  ),
  row('prelu of equal numbers', { alpha: float([2, 3]) }, ({ alpha }) => prelu(tf.fill([2, 3], -2), alpha)),
  row('prelu with one slope', { x: float([2, 3]), alpha: given([1], [0.3]) }, ({ x, alpha }) => prelu(x, alpha)),
  row('addN', { a: float([2, 3]), b: float([2, 3]), c: float([2, 3]) }, ({ a, b, c }) => tf.addN([a, b, c])),
  row('addN of one', { a: float([2, 3]) }, ({ a }) => tf.addN([a])),
  row('where', { c: bool([3, 4]), a: float([3, 4]), b: float([3, 4]) }, ({ c, a, b }) => where(c, a, b)),
  row('where, broadcast', { c: bool([3, 1]), a: float([4]), b: float([]) }, ({ c, a, b }) => where(c, a, b)),
  row('where, condition by row', { c: bool([3]), a: float([3, 3]), b: float([3, 3]) }, (x) => where(x.c, x.a, x.b)),
  row('where, int32', { c: bool([4]), a: int([4]), b: int([4]) }, ({ c, a, b }) => where(c, a, b)),
  row('elu and its gradient where values are 0', { x: given([3], [-1, 0, 1]) }, ({ x }) => tf.elu(x)),
  row('atan2', { y: float([6, 5], -2, 2), x: float([5], -2, 2) }, ({ y, x }) => tf.atan2(y, x)),
  row(
    'atan2 on the axes',
    { y: given([8], [0, 0, 1, -1, 1, -1, 1, -1]), x: given([8], [1, 0, 0, 0, 2, 2, -2, -2]) },
    ({ y, x }) => tf.atan2(y, x),
    { gradients: false },
  ),
  row('mod', { a: float([4, 6], -7, 8), b: float([6], 1, 4) }, ({ a, b }) => tf.mod(a, b)),
  row('mod by what is negative', { a: float([12], -7, 8), b: float([12], -4, -1) }, ({ a, b }) => tf.mod(a, b)),
  row('mod int32', { a: int([24], -7, 8), b: int([24], 1, 4) }, ({ a, b }) => tf.mod(a, b)),
  row('floorDiv and mod by negative integers', { a: int([24], -7, 8), b: int([24], -4, 0) }, ({ a, b }) => [
    tf.floorDiv(a, b),
    tf.mod(a, b),
  ]),
  row('floorDiv of large integers', { a: given([2], [2000000011, -2000000011], 'int32') }, ({ a }) =>
    tf.floorDiv(a, tf.scalar(1, 'int32')),
  ),
];
