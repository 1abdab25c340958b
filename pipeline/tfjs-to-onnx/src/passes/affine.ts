import type { TypedArray } from '@tensorflow/tfjs-core';
import { computedValues } from '../constants.ts';
import { product, sameShape } from '../ir.ts';
import type { TapeOp, TapeValue } from '../tape.ts';

/** `x · factor + shift`, a number for each channel, with the value that holds the shift where one does. */
export interface Affine {
  readonly factor?: readonly number[];
  readonly shift?: readonly number[];
  readonly shiftValue?: TapeValue;
}

/**
 * What a call does to each channel (its last axis) of one of its inputs by constants.
 * @param x the input; the result has its shape
 * @returns undefined where it does anything else
 */
export function affineOf(op: TapeOp, x: TapeValue): Affine | undefined {
  const [output] = op.outputs;
  if (!output || !sameShape(output.shape, x.shape) || x.dtype !== 'float32') return undefined;
  if (op.kernel === 'FusedBatchNorm') return batchNorm(op, x);
  const { a, b } = op.inputs as { a?: TapeValue; b?: TapeValue };
  if (!a || !b || a === b) return undefined;
  const other = a === x ? b : a;
  const numbers = perChannel(other, x);
  if (!numbers) return undefined;
  switch (op.kernel) {
    case 'Add':
      return { shift: numbers, shiftValue: other };
    case 'Multiply':
      return { factor: numbers };
    case 'RealDiv':
      return other === b ? { factor: numbers.map((n) => 1 / n) } : undefined;
    case 'Sub':
      return other === b ? { shift: numbers.map((n) => -n) } : { factor: numbers.map(() => -1), shift: numbers };
  }
  return undefined;
}

/**
 * The numbers of a linear call times a factor for each channel.
 * @param run how many numbers in a row belong to one channel
 * @returns undefined where a product is not finite
 */
export function scaledBy(numbers: TypedArray, factor: readonly number[], run: number): Float32Array | undefined {
  const scaled = new Float32Array(numbers.length);
  let notFinite = 0;
  for (let start = 0, c = 0; start < scaled.length; start += run, c = (c + 1) % factor.length) {
    const by = factor[c] as number;
    for (let i = start; i < start + run; i++) {
      const product = (numbers[i] as number) * by;
      scaled[i] = product;
      notFinite += product - product;
    }
  }
  return notFinite === 0 ? scaled : undefined;
}

/** (x − mean) / √(variance + ε) · scale + offset */
function batchNorm({ inputs, attrs }: TapeOp, x: TapeValue): Affine | undefined {
  const { mean, variance, scale, offset } = inputs as Readonly<Record<string, TapeValue | undefined>>;
  const [means, variances] = [mean && perChannel(mean, x), variance && perChannel(variance, x)];
  const scales = scale ? perChannel(scale, x) : variances?.map(() => 1);
  const offsets = offset ? perChannel(offset, x) : variances?.map(() => 0);
  if (!means || !variances || !scales || !offsets) return undefined;
  const epsilon = attrs.varianceEpsilon as number;
  const factor = variances.map((v, c) => (scales[c] ?? 1) / Math.sqrt(v + epsilon));
  return { factor, shift: offsets.map((offset, c) => offset - (means[c] ?? 0) * (factor[c] ?? 0)) };
}

/** The numbers of a constant, one for each of the channels of x; finite ones only. */
function perChannel(value: TapeValue, x: TapeValue): number[] | undefined {
  const channels = x.shape.at(-1) ?? 1;
  const size = product(value.shape);
  if (value.dtype !== 'float32' || (size !== 1 && (size !== channels || value.shape.at(-1) !== channels))) {
    return undefined;
  }
  const values: TypedArray | undefined = computedValues(value);
  if (!values?.every(Number.isFinite)) return undefined;
  return Array.from({ length: channels }, (_, c) => values[size === 1 ? 0 : c] ?? 0);
}
