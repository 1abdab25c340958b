import type { DataType } from '@tensorflow/tfjs-core';
import { mapEach } from '../tape.ts';
import { recordCall } from './record.ts';
import type { Call, EagerValue, Stored } from './value.ts';

/**
 * Records a call that takes or gives complex numbers, whose parts are stored as tensors of their own. Joining them
 * before the call and taking them apart after it adds nothing to a graph.
 * @throws Error where the call cannot be lowered
 */
export function recordComplex(
  kernel: string,
  inputs: Readonly<Record<string, Stored>> | readonly Stored[],
  attrs: Call['attrs'],
  scope: string,
): Stored | Stored[] {
  const results = recordCall(kernel, mapEach(inputs, joined) as Call['inputs'], attrs, scope);
  return Array.isArray(results) ? results.map(apart) : apart(results);
}

const joined = (value: Stored): Stored =>
  value.dtype === 'complex64' ? one('Complex', { real: value.real, imag: value.imag }) : value;

function apart(value: EagerValue): Stored {
  const dtype = value.dtype as DataType;
  if (dtype !== 'complex64') return value;
  return { shape: value.shape, dtype, real: one('Real', { input: value }), imag: one('Imag', { input: value }) };
}

const one = (kernel: string, inputs: Call['inputs']): EagerValue => recordCall(kernel, inputs, {}, '') as EagerValue;
