import { arithmetic } from './arithmetic.ts';
import { convolutions } from './conv.ts';
import { gathering } from './gather.ts';
import { imaging } from './image.ts';
import { products } from './matmul.ts';
import { pooling } from './pool.ts';
import { reductions } from './reduce.ts';
import { shaping } from './shape.ts';

/** How each tfjs kernel is written in standard ONNX operators. */
export const kernels = {
  ...arithmetic,
  ...reductions,
  ...shaping,
  ...gathering,
  ...products,
  ...convolutions,
  ...pooling,
  ...imaging,
};

export type Kernels = typeof kernels;

/** The tfjs kernels that can be lowered. */
export type KernelName = keyof Kernels;
