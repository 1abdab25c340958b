import { layers } from '@tensorflow/tfjs-layers';
import { type LayerCase, one } from './case.ts';

const names = [
  ...(['elu', 'hardSigmoid', 'linear', 'relu', 'relu6', 'selu', 'sigmoid', 'softmax', 'softplus'] as const),
  ...(['softsign', 'tanh', 'swish', 'mish', 'gelu', 'gelu_new', 'logSoftmax' as 'softmax'] as const),
];

export const activations: readonly LayerCase[] = [
  ...names.flatMap((activation) => [
    one(`activation ${activation}`, [6], () => layers.activation({ activation })),
    one(`activation ${activation} of images`, [3, 4, 2], () => layers.activation({ activation })),
    one(`dense with ${activation}`, [6], () => layers.dense({ units: 5, activation })),
    one(`dense with ${activation} over time`, [4, 6], () => layers.dense({ units: 5, activation })),
    one(`conv2d with ${activation}`, [5, 4, 2], () => layers.conv2d({ filters: 3, kernelSize: 2, activation })),
  ]),
  one('elu', [6], () => layers.elu()),
  one('elu with alpha', [6], () => layers.elu({ alpha: 0.5 }), { impossible: 'to build' }),
  one('reLU', [6], () => layers.reLU()),
  one('reLU up to 0.5', [6], () => layers.reLU({ maxValue: 0.5 })),
  one('leakyReLU', [6], () => layers.leakyReLU()),
  one('leakyReLU with alpha', [6], () => layers.leakyReLU({ alpha: 0.1 })),
  one('leakyReLU with alpha 0', [6], () => layers.leakyReLU({ alpha: 0 })),
  one('prelu', [6], () => layers.prelu()),
  one('prelu of images', [3, 4, 2], () => layers.prelu()),
  one('prelu of images, shared over pixels', [3, 4, 2], () => layers.prelu({ sharedAxes: [1, 2] })),
  one('prelu over time, shared over steps', [3, 4], () => layers.prelu({ sharedAxes: 1 })),
  one('softmax', [6], () => layers.softmax()),
  one('softmax of axis 1 of 2', [3, 4], () => layers.softmax({ axis: 1 }), { impossible: 'to run' }),
  one('softmax of the last axis', [3, 4], () => layers.softmax({ axis: 2 })),
  one('softmax of axis -1', [3, 4], () => layers.softmax({ axis: -1 })),
  one('softmax of two axes', [3, 4], () => layers.softmax({ axis: [1, 2] })),
  one('thresholdedReLU', [6], () => layers.thresholdedReLU(), { impossible: 'to train' }),
  one('thresholdedReLU with theta', [6], () => layers.thresholdedReLU({ theta: 0.2 }), { impossible: 'to train' }),
];
