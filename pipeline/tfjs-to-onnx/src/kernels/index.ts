import { arithmetic } from './arithmetic.ts';
import { blocks } from './blocks.ts';
import { complexNumbers, withComplex } from './complex.ts';
import { convolutions } from './conv.ts';
import { cropping } from './crop.ts';
import { dilations } from './dilation.ts';
import { functions } from './functions.ts';
import { gathering } from './gather.ts';
import { imaging } from './image.ts';
import { localResponse } from './lrn.ts';
import { products } from './matmul.ts';
import { pooling } from './pool.ts';
import { reductions } from './reduce.ts';
import { refused } from './refused.ts';
import { resizing } from './resize.ts';
import type { Family } from './rule.ts';
import { scattering } from './scatter.ts';
import { shaping } from './shape.ts';
import { graphOperations, selections } from './unknown-size.ts';
import { warping } from './warp.ts';

/** How each tfjs kernel is written in standard ONNX operators. */
export const kernels = withComplex({
  ...arithmetic,
  ...functions,
  ...reductions,
  ...shaping,
  ...blocks,
  ...gathering,
  ...scattering,
  ...products,
  ...convolutions,
  ...pooling,
  ...dilations,
  ...localResponse,
  ...imaging,
  ...resizing,
  ...cropping,
  ...warping,
  ...complexNumbers,
  ...selections,
  ...graphOperations,
});

export type Kernels = typeof kernels;

/** The kernels that can be lowered. */
export type KernelName = keyof Kernels;

/**
 * Why the others are refused. A kernel of tfjs that has neither a rule nor a reason does not compile, nor does one that
 * has both.
 */
export const reasons: Readonly<Record<Exclude<keyof Family, KernelName>, string>> &
  Readonly<Partial<Record<KernelName, never>>> = refused;
