import { layers } from '@tensorflow/tfjs-layers';
import { type LayerCase, one } from './case.ts';

const classes = { shape: [3], kind: 'class' } as const;
/** As part of a model it is given a list of tensors, or of other shapes, which it does not take. */
const listed = { impossible: 'to run' } as const;
const untrained = { impossible: 'to train' } as const;

export const preprocessing: readonly LayerCase[] = [
  one('rescaling', [4, 3, 2], () => layers.rescaling({ scale: 0.5, offset: 1 })),
  one('rescaling without offset', [4, 3, 2], () => layers.rescaling({ scale: 0.5 })),
  one('rescaling of classes', classes, () => layers.rescaling({ scale: 0.5, offset: 1 }), untrained),
  one('resizing', [4, 3, 2], () => layers.resizing({ height: 6, width: 5 }), listed),
  one('resizing to less', [6, 5, 2], () => layers.resizing({ height: 3, width: 4 }), listed),
  one(
    'resizing to the nearest',
    [4, 3, 2],
    () => layers.resizing({ height: 6, width: 5, interpolation: 'nearest' }),
    listed,
  ),
  one(
    'resizing with its ratio',
    [4, 3, 2],
    () => layers.resizing({ height: 6, width: 5, cropToAspectRatio: true }),
    listed,
  ),
  // Asked for its output's shape, the layer changes its input's: as part of a model it takes that alone.
  one('centerCrop', [6, 5, 2], () => layers.centerCrop({ height: 4, width: 3 }), listed),
  one('centerCrop of the whole image', [4, 3, 2], () => layers.centerCrop({ height: 4, width: 3 }), untrained),
  one('centerCrop to more', [3, 4, 2], () => layers.centerCrop({ height: 5, width: 6 }), listed),
  // Asked for its output's shape, the layer changes its input's: only as many words as there are tokens are taken.
  one('categoryEncoding', { ...classes, shape: [7] }, () => layers.categoryEncoding({ numTokens: 7 }), untrained),
  one(
    'categoryEncoding, counts',
    { ...classes, shape: [7] },
    () => layers.categoryEncoding({ numTokens: 7, outputMode: 'count' }),
    untrained,
  ),
  one('categoryEncoding of fewer words', classes, () => layers.categoryEncoding({ numTokens: 7 }), {
    impossible: 'to run',
  }),
  one(
    'categoryEncoding, one-hot',
    { ...classes, shape: [1] },
    () => layers.categoryEncoding({ numTokens: 7, outputMode: 'oneHot' }),
    { impossible: 'to run' },
  ),
  one('randomWidth', [4, 4, 2], () => layers.randomWidth({ factor: 0.5 }), listed),
];
