import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { chain, type LayerCase, one } from './case.ts';

const batch = {
  '': {},
  'without scale': { scale: false },
  'without centre': { center: false },
  'without either': { scale: false, center: false },
  'with momentum and epsilon': { momentum: 0.5, epsilon: 0.1 },
} as const;

export const normalisation: readonly LayerCase[] = [
  ...Object.entries(batch).flatMap(([name, options]) =>
    ([[4], [3, 4], [2, 3, 4], [2, 2, 3, 4]] as const).flatMap((shape) => {
      const layer = () => layers.batchNormalization(options);
      const what = `batchNormalization ${name}, rank ${shape.length + 1}`;
      const unbuilt = shape.length === 4 ? ({ impossible: 'to run' } as const) : undefined;
      const untrained = 'scale' in options || 'center' in options ? ({ impossible: 'to train' } as const) : {};
      return [
        one(what, shape, layer, { training: false, ...untrained, ...unbuilt }),
        one(`${what}, in training`, shape, layer, { ...untrained, ...unbuilt }),
      ];
    }),
  ),
  chain('batchNormalization of axis 1', [3, 4, 2], () => [layers.batchNormalization({ axis: 1 })], {
    impossible: 'to train',
    // The cpu backend normalises the last axis, with as many numbers as it finds.
    truth: ([x]) => {
      const moved = layers.permute({ dims: [2, 3, 1] }).apply(x as SymbolicTensor);
      return layers.permute({ dims: [3, 1, 2] }).apply(layers.batchNormalization().apply(moved)) as SymbolicTensor;
    },
  }),
  one('layerNormalization', [6], () => layers.layerNormalization()),
  one('layerNormalization of images', [3, 4, 2], () => layers.layerNormalization()),
  one('layerNormalization of axis 1', [3, 4], () => layers.layerNormalization({ axis: 1 })),
  one('layerNormalization of two axes', [3, 4], () => layers.layerNormalization({ axis: [1, 2] })),
  one('layerNormalization of the last two axes', [2, 3, 4], () => layers.layerNormalization({ axis: [-2, -1] })),
  one('layerNormalization without scale', [6], () => layers.layerNormalization({ scale: false }), {
    impossible: 'to train',
  }),
  one('layerNormalization without centre', [6], () => layers.layerNormalization({ center: false }), {
    impossible: 'to train',
  }),
  one('layerNormalization with epsilon', [6], () => layers.layerNormalization({ epsilon: 0.1 })),
];
