import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { chain, type LayerCase, one, wired } from './case.ts';

const inference = { training: false } as const;
const words = { shape: [5], kind: 'class' } as const;

export const core: readonly LayerCase[] = [
  one('dense', [6], () => layers.dense({ units: 4 })),
  one('dense without bias', [6], () => layers.dense({ units: 4, useBias: false })),
  one('dense of one unit', [6], () => layers.dense({ units: 1 })),
  one('dense of images', [3, 2, 4], () => layers.dense({ units: 3 })),
  one('dropout', [6], () => layers.dropout({ rate: 0.5 }), inference),
  one('dropout of planes', [4, 6], () => layers.dropout({ rate: 0.5, noiseShape: [1, 1, 6], seed: 1 }), inference),
  one('dropout of nothing', [6], () => layers.dropout({ rate: 0 })),
  one('dropout in training', [6], () => layers.dropout({ rate: 0.5 }), {
    refused: { when: 'to train', reason: /^layer model\/.*: .*random/i },
  }),
  one('spatialDropout1d', [4, 6], () => layers.spatialDropout1d({ rate: 0.5 }), inference),
  one('gaussianNoise', [6], () => layers.gaussianNoise({ stddev: 1 }), inference),
  one('gaussianDropout', [6], () => layers.gaussianDropout({ rate: 0.5 }), inference),
  one('alphaDropout', [6], () => layers.alphaDropout({ rate: 0.5 }), inference),
  one('flatten', [3, 2, 4], () => layers.flatten()),
  one('flatten of vectors', [6], () => layers.flatten(), { impossible: 'to build' }),
  one('flatten, channels first', [3, 2, 4], () => layers.flatten({ dataFormat: 'channelsFirst' })),
  one('repeatVector', [6], () => layers.repeatVector({ n: 3 })),
  one('repeatVector once', [6], () => layers.repeatVector({ n: 1 })),
  one('reshape', [6], () => layers.reshape({ targetShape: [2, 3] })),
  one('reshape with an open size', [3, 4], () => layers.reshape({ targetShape: [2, -1, 2] })),
  one('reshape to vectors', [3, 4], () => layers.reshape({ targetShape: [null] })),
  one('permute', [3, 2, 4], () => layers.permute({ dims: [3, 1, 2] })),
  one('permute of nothing', [3, 2, 4], () => layers.permute({ dims: [1, 2, 3] })),
  one('masking', { shape: [4, 3], kind: 'sequence' }, () => layers.masking(), { impossible: 'to train' }),
  one('masking of another value', { shape: [4, 3], kind: 'sequence' }, () => layers.masking({ maskValue: 0.5 }), {
    impossible: 'to train',
  }),
  one('embedding', words, () => layers.embedding({ inputDim: 7, outputDim: 4 })),
  one('embedding with a length', words, () => layers.embedding({ inputDim: 7, outputDim: 4, inputLength: 5 })),
  one('embedding with a mask', words, () => layers.embedding({ inputDim: 7, outputDim: 4, maskZero: true })),
  one('embedding of floats', [5], () => layers.embedding({ inputDim: 7, outputDim: 4 }), { impossible: 'to train' }),
  one('embedding of planes', { shape: [2, 3], kind: 'class' }, () => layers.embedding({ inputDim: 7, outputDim: 4 })),
  one('embedding of one word', { shape: [1], kind: 'class' }, () => layers.embedding({ inputDim: 7, outputDim: 4 })),
  chain('embedding, averaged', words, () => [
    layers.embedding({ inputDim: 7, outputDim: 4, inputLength: 5 }),
    layers.globalAveragePooling1d({}),
  ]),
  wired('inputLayer, passed on', [[3]], ([x]) => [
    x as SymbolicTensor,
    layers.dense({ units: 2 }).apply(x as SymbolicTensor) as SymbolicTensor,
  ]),
  wired('a layer applied twice', [[3], [3]], ([x, y]) => {
    const dense = layers.dense({ units: 2 });
    return [dense.apply(x as SymbolicTensor), dense.apply(y as SymbolicTensor)] as SymbolicTensor[];
  }),
  one('timeDistributed dense', [4, 3], () => layers.timeDistributed({ layer: layers.dense({ units: 2 }) })),
  one('timeDistributed conv2d', [3, 4, 4, 2], () =>
    layers.timeDistributed({ layer: layers.conv2d({ filters: 2, kernelSize: 3 }) }),
  ),
  one('timeDistributed flatten', [3, 4, 2], () => layers.timeDistributed({ layer: layers.flatten() })),
  one(
    'timeDistributed dropout',
    [4, 3],
    () => layers.timeDistributed({ layer: layers.dropout({ rate: 0.5 }) }),
    inference,
  ),
];
