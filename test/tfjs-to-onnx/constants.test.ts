import './support/tfjs.ts';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { withCpuKernels } from '../../pipeline/tfjs-to-onnx/src/cpu-kernels.ts';
import { trace } from '../../pipeline/tfjs-to-onnx/src/index.ts';

const vector = { x: { shape: [3], dtype: 'float32' } } as const;
type Given = { x: Tensor };

/** What a program reads while it is traced. */
function readings(read: (given: Given) => ArrayLike<number>): number[] {
  let found: number[] = [];
  trace(
    ({ x }: Given) => {
      found = [...Array.from(read({ x }))];
      return { x };
    },
    { inputs: vector },
  );
  return found;
}

describe('a trace knows the values of what does not depend on its inputs', () => {
  test('of tensors made in it and before it', () => {
    const before = tf.tensor1d([1, 2, 3]);
    expect(readings(() => before.dataSync())).toEqual([1, 2, 3]);
    expect(readings(() => tf.tensor1d([4, 5]).dataSync())).toEqual([4, 5]);
    expect(readings(() => tf.add(before, tf.tensor1d([1, 1, 1])).dataSync())).toEqual([2, 3, 4]);
    expect(readings(() => tf.transpose(tf.reshape(tf.range(0, 4), [2, 2])).dataSync())).toEqual([0, 2, 1, 3]);
    expect([...before.dataSync()]).toEqual([1, 2, 3]);
  });

  test('of shapes', () => {
    expect(readings(({ x }) => tf.prod(tf.tensor1d(x.shape, 'int32')).dataSync())).toEqual([3]);
    expect(readings(({ x }) => tf.onesLike(x).dataSync())).toEqual([1, 1, 1]);
  });

  test('of stacks of matrices that are broadcast, which the cpu backend does wrongly', () => {
    const [many, few] = [tf.reshape(tf.range(0, 24), [2, 3, 2, 2]), tf.reshape(tf.range(0, 8), [2, 1, 2, 2])];
    const right = tf.matMul(many, tf.tile(few, [1, 3, 1, 1])).dataSync();
    expect(tf.matMul(many, few).dataSync()).not.toEqual(right);
    const data = tf.engine().backend.numDataIds();
    expect(readings(() => tf.matMul(many, few).dataSync())).toEqual([...right]);
    expect(tf.engine().backend.numDataIds()).toBe(data);
  });

  test('of what the cpu backend sums along a wrong axis, transforms in part, or writes into its input', async () => {
    const x = tf.tensor1d([1, 2, 3]);
    const place = tf.tensor2d([[0]], [1, 1], 'int32');
    const images = tf.ones<tf.Rank.R4>([2, 2, 2, 1]);
    const programs: [() => Tensor, number[]][] = [
      [() => tf.cumsum(x, -1), [1, 3, 6]],
      [() => tf.cumprod(x, -1), [1, 2, 6]],
      [() => tf.image.transform(images, tf.tensor2d([[1, 0, 0, 0, 1, 0, 0, 0]])), new Array(8).fill(1)],
      [() => tf.tensorScatterUpdate(x, place, tf.tensor1d([9])), [9, 2, 3]],
    ];
    for (const [program, right] of programs) {
      const data = tf.engine().backend.numDataIds();
      expect(readings(() => program().dataSync())).toEqual(right);
      expect(tf.engine().backend.numDataIds()).toBe(data);
      expect([...(await withCpuKernels(async () => tf.tidy(() => program().dataSync())))]).toEqual(right);
      expect(tf.engine().backend.numDataIds()).toBe(data);
      expect([...x.dataSync()]).toEqual([1, 2, 3]);
    }
  });

  test('of several results', () => {
    expect(readings(() => tf.topk(tf.tensor1d([1, 3, 2]), 2).indices.dataSync())).toEqual([1, 2]);
  });

  test('so that a loop may count', () => {
    const { ops } = trace(
      ({ x }: Given) => {
        let [sum, i] = [x, tf.scalar(0, 'int32')];
        while (tf.less(i, tf.scalar(3, 'int32')).dataSync()[0]) {
          [sum, i] = [tf.add(sum, x), tf.add(i, tf.scalar(1, 'int32'))];
        }
        return { sum };
      },
      { inputs: vector },
    );
    expect(ops.filter(({ kernel, outputs }) => kernel === 'Add' && outputs[0]?.shape.length === 1)).toHaveLength(3);
  });

  test('and computes what graphs do not have', () => {
    const { outputs } = trace(
      ({ x }: Given) => {
        const [table, places] = [
          tf.tensor2d([
            [1, 2],
            [3, 4],
          ]),
          tf.tensor2d([[0], [1]], [2, 1], 'int32'),
        ];
        return { y: tf.add(tf.slice(x, 0, 2), tf.reshape(tf.gather(table, places, 1, 1), [2])) };
      },
      { inputs: vector },
    );
    expect(outputs.y?.shape).toEqual([2]);
  });
});

test('tensors of the trace leave nothing behind', () => {
  const before = tf.engine().backend.numDataIds();
  readings(() => tf.add(tf.tensor1d([1]), tf.tensor1d([2])).dataSync());
  expect(tf.engine().backend.numDataIds()).toBe(before);
});
