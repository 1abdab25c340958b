import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { type Layer, type LayerCase, wired } from './case.ts';

const merged = (name: string, shapes: readonly (readonly number[])[], make: () => Layer, options = {}): LayerCase =>
  wired(name, shapes, (inputs) => make().apply(inputs) as SymbolicTensor, options);

/** tfjs's gradients of maximum and minimum do not sum over axes that were broadcast. */
const broadcasting = (name: string) => (name.endsWith('imum') ? { impossible: 'to train' } : {});

const makers = {
  add: () => layers.add(),
  average: () => layers.average(),
  maximum: () => layers.maximum(),
  minimum: () => layers.minimum(),
  multiply: () => layers.multiply(),
};

export const merging: readonly LayerCase[] = [
  ...Object.entries(makers).flatMap(([name, make]) => [
    merged(
      `${name} of two`,
      [
        [4, 3],
        [4, 3],
      ],
      make,
    ),
    merged(`${name} of three`, [[3], [3], [3]], make),
    merged(
      `${name}, broadcast`,
      [
        [4, 3],
        [1, 3],
      ],
      make,
      broadcasting(name),
    ),
    merged(`${name} of two ranks`, [[4, 3], [3]], make, broadcasting(name)),
  ]),
  merged('concatenate', [[3], [2]], () => layers.concatenate()),
  merged(
    'concatenate of three',
    [
      [4, 3],
      [4, 2],
      [4, 1],
    ],
    () => layers.concatenate(),
  ),
  merged(
    'concatenate of axis 1',
    [
      [4, 3],
      [2, 3],
    ],
    () => layers.concatenate({ axis: 1 }),
  ),
  // tfjs takes every negative axis for the last one.
  merged(
    'concatenate of axis -2',
    [
      [4, 3],
      [2, 3],
    ],
    () => layers.concatenate({ axis: -2 }),
    { impossible: 'to run' },
  ),
  merged('dot', [[3], [3]], () => layers.dot({ axes: 1 })),
  merged('dot, normalised', [[3], [3]], () => layers.dot({ axes: -1, normalize: true })),
  merged(
    'dot of sequences',
    [
      [4, 3],
      [5, 3],
    ],
    () => layers.dot({ axes: 2 }),
  ),
  merged(
    'dot of sequences, normalised',
    [
      [4, 3],
      [5, 3],
    ],
    () => layers.dot({ axes: 2, normalize: true }),
  ),
  merged(
    'dot of two axes',
    [
      [4, 3],
      [3, 5],
    ],
    () => layers.dot({ axes: [2, 1] }),
  ),
  merged(
    'dot of axis 1',
    [
      [3, 4],
      [3, 5],
    ],
    () => layers.dot({ axes: 1 }),
  ),
  merged('dot of a sequence and a vector', [[4, 3], [3]], () => layers.dot({ axes: [2, 1] })),
  merged('dot of a vector and a sequence', [[3], [4, 3]], () => layers.dot({ axes: [1, 2] })),
];
