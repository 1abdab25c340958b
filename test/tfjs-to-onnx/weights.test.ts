import './support/tfjs.ts';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { graphOfLayersModel } from '../../pipeline/tfjs-to-onnx/src/from/layers-model.ts';
import { findWeights, graphOfFunction, serialize, type WeightPlace } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { zoo } from './support/zoo.ts';

/** A model's weights under the names that a converted model gives them. */
function weightsOf({ name, layers }: LayersModel, prefix = name): [string, Tensor][] {
  return layers.flatMap((layer) => {
    if ('layers' in layer) return weightsOf(layer as LayersModel, `${prefix}/${layer.name}`);
    return layer.weights.map((weight): [string, Tensor] => [`${prefix}/${weight.originalName}`, weight.read()]);
  });
}

function storedAt(file: Uint8Array, { offset, bytes }: WeightPlace): number[] {
  return [...new Float32Array(file.slice(offset, offset + bytes).buffer)];
}

describe('findWeights gives the offset and the order of axes of every weight', () => {
  test.each(Object.entries(zoo))('%s', (_, make) => {
    const model = make();
    const graph = graphOfLayersModel(model, { keepWeights: true });
    const file = serialize(graph);
    const places = findWeights(graph, file);
    const weights = weightsOf(model);
    expect([...new Set(places.map(({ name }) => name))].sort()).toEqual(
      [...new Set(weights.map(([name]) => name))].sort(),
    );
    for (const place of places) {
      const weight = weights.find(([name]) => name === place.name)?.[1] as Tensor;
      expect(place.shape).toEqual(weight.shape);
      expect(storedAt(file, place), place.name).toEqual([...tf.transpose(weight, [...place.permutation]).dataSync()]);
    }
  });
});

describe('a function of a weight', () => {
  const weight = tf.variable(tf.reshape(tf.range(0, 24), [2, 3, 4]), true, 'places/weight');
  const convert = (change: (weight: Tensor) => Tensor) => {
    const graph = graphOfFunction(({ x }) => ({ y: tf.add(x, tf.sum(change(weight))) }), {
      name: 'changed',
      keepWeights: true,
      inputs: { x: { shape: ['N', 1], dtype: 'float32' } },
    });
    const file = serialize(graph);
    return findWeights(graph, file).map((place) => ({ permutation: place.permutation, values: storedAt(file, place) }));
  };
  const reordered = (permutation: number[]) => ({
    permutation,
    values: [...tf.transpose(weight, permutation).dataSync()],
  });

  test('that transposes it twice, with axes joined in between', () => {
    expect(convert((w) => tf.transpose(w, [2, 0, 1]))).toEqual([reordered([2, 0, 1])]);
    expect(convert((w) => tf.transpose(tf.reshape(tf.transpose(w, [2, 0, 1]), [4, 6])))).toEqual([
      reordered([0, 1, 2]),
    ]);
    expect(convert((w) => tf.transpose(tf.reshape(w, [1, 6, 1, 4]), [3, 0, 2, 1]))).toEqual([reordered([2, 0, 1])]);
  });

  test('that needs it in two orders stores it twice', () => {
    const twice = convert((w) => tf.matMul(tf.reshape(w, [6, 4]), tf.reshape(tf.transpose(w, [2, 0, 1]), [4, 6])));
    expect(twice).toEqual([reordered([0, 1, 2]), reordered([2, 0, 1])]);
  });

  test('that splits an axis before it transposes is refused', () => {
    expect(() => convert((w) => tf.transpose(tf.reshape(w, [2, 3, 2, 2]), [3, 0, 1, 2]))).toThrow(
      /places\/weight \[2,3,4\]/,
    );
    expect(convert((w) => tf.reshape(w, [2, 3, 2, 2]))).toEqual([reordered([0, 1, 2])]);
  });
});
