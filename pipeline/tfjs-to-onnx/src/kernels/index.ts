import { arithmetic } from './arithmetic.ts';
import { convolutions } from './conv.ts';
import { gathering } from './gather.ts';
import { imaging } from './image.ts';
import { products } from './matmul.ts';
import { pooling } from './pool.ts';
import { reductions } from './reduce.ts';
import { shaping } from './shape.ts';

const families = [arithmetic, reductions, shaping, gathering, products, convolutions, pooling, imaging] as const;

type NamesOf<Union> = Union extends Union ? keyof Union : never;
type Intersection<Union> = (Union extends Union ? (one: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;
type Repeated<List extends readonly unknown[]> = List extends readonly [infer First, ...infer Rest]
  ? (keyof First & NamesOf<Rest[number]>) | Repeated<Rest>
  : never;

/** A type that must be empty. */
type Empty<Names extends never> = Names;

/** The rule of each kernel. A kernel that two families have does not compile. */
export type Kernels = Omit<Intersection<(typeof families)[number]>, Empty<Repeated<typeof families>>>;

/** The tfjs kernels that can be lowered. */
export type KernelName = keyof Kernels;

/** THE table: how each tfjs kernel is written in standard ONNX operators. */
export const kernels: Kernels = Object.assign({}, ...families);
