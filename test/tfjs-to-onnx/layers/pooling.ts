import { layers } from '@tensorflow/tfjs-layers';
import { type LayerCase, one } from './case.ts';

const channelsFirst = { dataFormat: 'channelsFirst' } as const;
const windows = {
  '': {},
  'of 3': { poolSize: 3 },
  'of 3, strides 1': { poolSize: 3, strides: 1 },
  'of 3, strides 2, same': { poolSize: 3, strides: 2, padding: 'same' },
  'of 2, same': { poolSize: 2, padding: 'same' },
  'of 2, strides 3': { poolSize: 2, strides: 3 },
} as const;

export const pooling: readonly LayerCase[] = [
  ...Object.entries(windows).flatMap(([name, options]) => [
    one(`maxPooling1d ${name}`, [7, 2], () => layers.maxPooling1d(options)),
    one(`averagePooling1d ${name}`, [7, 2], () => layers.averagePooling1d(options)),
    one(`maxPooling2d ${name}`, [7, 6, 2], () => layers.maxPooling2d(options)),
    one(`averagePooling2d ${name}`, [7, 6, 2], () => layers.averagePooling2d(options)),
    one(`maxPooling2d ${name}, channels first`, [2, 7, 6], () => layers.maxPooling2d({ ...options, ...channelsFirst })),
    one(`averagePooling2d ${name}, channels first`, [2, 7, 6], () =>
      layers.averagePooling2d({ ...options, ...channelsFirst }),
    ),
    one(`maxPooling3d ${name}`, [5, 4, 5, 2], () => layers.maxPooling3d(options)),
    one(`averagePooling3d ${name}`, [5, 4, 5, 2], () => layers.averagePooling3d(options)),
  ]),
  one('maxPooling2d by axis', [7, 6, 2], () => layers.maxPooling2d({ poolSize: [3, 2], strides: [1, 2] })),
  one('averagePooling3d, channels first', [2, 4, 4, 4], () =>
    layers.averagePooling3d({ poolSize: 2, ...channelsFirst }),
  ),
  one('maxPooling3d, channels first', [2, 4, 4, 4], () => layers.maxPooling3d({ poolSize: 2, ...channelsFirst })),
  one('globalAveragePooling1d', [7, 2], () => layers.globalAveragePooling1d({})),
  one('globalMaxPooling1d', [7, 2], () => layers.globalMaxPooling1d({})),
  one('globalAveragePooling2d', [4, 3, 2], () => layers.globalAveragePooling2d({})),
  one('globalMaxPooling2d', [4, 3, 2], () => layers.globalMaxPooling2d({})),
  one('globalAveragePooling2d, channels first', [2, 4, 3], () => layers.globalAveragePooling2d(channelsFirst)),
  one('globalMaxPooling2d, channels first', [2, 4, 3], () => layers.globalMaxPooling2d(channelsFirst)),
];
