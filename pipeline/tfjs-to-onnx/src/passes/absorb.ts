import { computedValues } from '../constants.ts';
import { product } from '../ir.ts';
import type { DerivedConstants } from '../numbers.ts';
import { inputsOf, type Tape, type TapeInputs, type TapeOp, type TapeValue, UNNAMED } from '../tape.ts';
import { type Affine, affineOf, scaledBy } from './affine.ts';
import { replaced } from './fold.ts';
import { type Users, usersIn } from './users.ts';

export interface AbsorbOptions {
  /** Whether named weights stay as they are: then only a bias is taken in. */
  readonly keepWeights?: boolean;
  readonly derived: DerivedConstants;
}

/**
 * Takes products and sums with one constant per channel, batch normalization above all, into the weights and the bias of
 * the convolution or matrix product before them. A normalization that follows none becomes one product and one sum.
 */
export function absorb(tape: Tape, options: AbsorbOptions): Tape {
  const [users, bias] = [usersIn(tape), biasesIn(tape)];
  const renamed = new Map<TapeValue, TapeValue>();
  const changed = new Map<TapeOp, readonly TapeOp[]>();
  for (const op of tape.ops) {
    const linear = linearOf(op);
    if (linear) {
      const taken = follow(op, linear, users, renamed, { ...options, biasOf: bias });
      if (taken !== op) changed.set(op, [taken]);
    }
  }
  if (!options.keepWeights) {
    for (const op of tape.ops) {
      if (op.kernel === 'FusedBatchNorm' && !renamed.has(op.outputs[0] as TapeValue)) {
        changed.set(op, productAndSum(op));
      }
    }
  }
  const ops = tape.ops.flatMap((op) => changed.get(op) ?? [op]);
  return replaced({ ...tape, ops }, renamed);
}

type BiasOf = (value: TapeValue, channels: number) => TapeValue | undefined;

/** The vector of constants that a value is, seen through reshapes. */
function biasesIn({ ops }: Tape): BiasOf {
  const sources = new Map(ops.flatMap((op) => (op.kernel === 'Reshape' ? [[op.outputs[0], inputsOf(op)[0]]] : [])));
  return (value, channels) => {
    let source: TapeValue | undefined = value;
    while (source && source.shape.length !== 1) source = sources.get(source);
    return source?.source.kind === 'constant' && source.shape[0] === channels ? source : undefined;
  };
}

/** A call that is linear in a constant, and can add a bias. */
interface Linear {
  readonly weights: string;
  /** The kernel that takes a bias. */
  readonly fused: TapeOp['kernel'];
  /** How many numbers of the weights in a row belong to one channel. */
  readonly run: number;
}

function linearOf({ kernel, inputs, attrs }: TapeOp): Linear | undefined {
  if (attrs.dataFormat === 'NCHW' || (attrs.activation ?? 'linear') !== 'linear') return undefined;
  const { filter, b } = inputs as Readonly<Record<string, TapeValue | undefined>>;
  switch (kernel) {
    case 'Conv2D':
    case 'FusedConv2D':
      return { weights: 'filter', fused: 'FusedConv2D', run: 1 };
    case 'DepthwiseConv2dNative':
    case 'FusedDepthwiseConv2D':
      return { weights: 'filter', fused: 'FusedDepthwiseConv2D', run: 1 };
    case 'Conv2DBackpropInput':
      return { weights: 'filter', fused: kernel, run: filter?.shape[3] ?? 1 };
    case 'BatchMatMul':
    case '_FusedMatMul':
      // The matrices of a stack have rows or columns of their own.
      if (!b || product(b.shape.slice(0, -2)) !== 1) return undefined;
      return { weights: 'b', fused: '_FusedMatMul', run: attrs.transposeB ? (b.shape.at(-1) ?? 1) : 1 };
  }
  return undefined;
}

/** The call with what follows it taken in; the values that it then stands for are added to `renamed`. */
function follow(
  op: TapeOp,
  linear: Linear,
  usersOf: Users,
  renamed: Map<TapeValue, TapeValue>,
  options: AbsorbOptions & { readonly biasOf: BiasOf },
): TapeOp {
  let taken = op;
  // The value before and after the calls that are taken in.
  let [result, last] = [op.outputs[0] as TapeValue, op.outputs[0] as TapeValue];
  for (;;) {
    const [user, ...others] = usersOf(last);
    const output = user?.outputs[0];
    if (!user || !output || others.length > 0) return taken;
    if (user.kernel === 'Reshape' && output.shape.at(-1) === result.shape.at(-1)) {
      [result, last] = [output, output];
      continue;
    }
    const affine = affineOf(user, last);
    const next = affine && withAffine(taken, linear, affine, options);
    if (!next) return taken;
    taken = next;
    renamed.set(output, result);
    last = output;
  }
}

function withAffine(
  op: TapeOp,
  { weights, fused, run }: Linear,
  affine: Affine,
  { keepWeights, derived: shared, biasOf }: AbsorbOptions & { readonly biasOf: BiasOf },
): TapeOp | undefined {
  const inputs = op.inputs as Readonly<Record<string, TapeValue>>;
  const [filter, bias] = [inputs[weights] as TapeValue, inputs.bias];
  const channels = op.outputs[0]?.shape.at(-1) ?? 1;
  const { factor, shift, shiftValue } = affine;
  if (!computedValues(filter)) return undefined;
  const changedTo = (changed: Readonly<Record<string, TapeValue>>): TapeOp => ({
    ...op,
    kernel: fused,
    inputs: { ...inputs, ...changed } as TapeInputs,
  });
  const vector = !factor && !bias && shiftValue && biasOf(shiftValue, channels);
  if (vector) return changedTo({ bias: vector });
  if (keepWeights) return undefined;

  const numbers = computedValues(filter);
  const before = bias ? computedValues(bias) : new Float32Array(channels);
  if (!numbers || !before || before.length !== channels || (bias && bias.shape.at(-1) !== channels)) return undefined;
  const offsets = Float32Array.from(before, (n, c) => n * (factor?.[c] ?? 1) + (shift?.[c] ?? 0));
  const scaled =
    factor &&
    (shared.of(numbers, `times ${factor} in runs of ${run}`, () => scaledBy(numbers, factor, run)) as Float32Array);
  if (!offsets.every(Number.isFinite) || (factor && !scaled)) return undefined;
  return changedTo({
    ...(scaled && { [weights]: derived(op, filter.shape, scaled, nameOf(filter) ?? weights) }),
    bias: derived(op, [channels], offsets, (bias && nameOf(bias)) ?? 'bias'),
  });
}

/** The name of a weight. */
const nameOf = ({ source }: TapeValue) =>
  source.kind === 'constant' && source.name !== UNNAMED ? source.name : undefined;

/** A constant of a call, under the name of the weight that it is computed from or one within its layer. */
function derived({ scope }: TapeOp, shape: readonly number[], values: Float32Array, weight: string): TapeValue {
  const name = weight.includes('/') || !scope ? weight : `${scope}/${weight}`;
  return { shape, dtype: 'float32', source: { kind: 'constant', name, values, derived: true } };
}

/** The shift from which on its sum with a product would lose digits of the result, which is near 1. */
const LARGE_SHIFT = 32;

function productAndSum(op: TapeOp): readonly TapeOp[] {
  const { x } = op.inputs as Readonly<Record<string, TapeValue>>;
  const affine = x && affineOf(op, x);
  if (!x || !affine?.factor || !affine.shift?.every((shift) => Math.abs(shift) < LARGE_SHIFT)) return [op];
  const vector = (name: string, numbers: readonly number[]) =>
    derived(op, [numbers.length], Float32Array.from(numbers), name);
  const product: TapeValue = { shape: x.shape, dtype: 'float32', source: { kind: 'op' } };
  const [factor, shift] = [vector('factor', affine.factor), vector('shift', affine.shift)];
  return [
    { ...op, kernel: 'Multiply', inputs: { a: x, b: factor }, attrs: {}, outputs: [product] },
    { ...op, kernel: 'Add', inputs: { a: product, b: shift }, attrs: {} },
  ];
}
