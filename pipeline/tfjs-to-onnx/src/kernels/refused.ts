import type { Family } from './rule.ts';

const RAGGED = 'graphs have no tensors of ragged rows; pad the rows to one length';
const STRINGS = 'graphs have no tensors of strings; do this outside the program, and give numbers as an input';
const VALUES = 'the shape of its output depends on values; do this outside the program';

/** The kernels without a rule: why they have none, and what to do. */
export const refused = {
  BroadcastArgs: 'whether two shapes fit depends on their values; give the shape as numbers',
  Draw: 'it draws on a canvas; leave it out of the program, and draw the output',
  FromPixels: 'it reads a picture of the page; read it before, and give its pixels as an input',
  Multinomial:
    'it draws random numbers, which would be the same at each run; draw them outside, and give them as an input',
  Pool: 'no backend of tfjs has it; use avgPool or maxPool',
  RaggedGather: RAGGED,
  RaggedRange: RAGGED,
  RaggedTensorToTensor: RAGGED,
  SparseFillEmptyRows: VALUES,
  SparseReshape: 'whether two shapes fit depends on their values; do this outside the program',
  SparseSegmentMean: VALUES,
  SparseSegmentSum: VALUES,
  StaticRegexReplace: STRINGS,
  StringNGrams: STRINGS,
  StringSplit: STRINGS,
  StringToHashBucketFast: STRINGS,
  Unique: VALUES,
} as const satisfies { readonly [Name in keyof Family]: string };
