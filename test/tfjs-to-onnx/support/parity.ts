import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import {
  lowerTape,
  portable,
  serialize,
  type Tape,
  type Target,
  trace,
} from '../../../pipeline/tfjs-to-onnx/src/index.ts';
import { feed, type HostTensor, runOnce } from './ort.ts';
import './tfjs.ts';
import { float, makeInputs, type Specs, type Tensors } from './tensors.ts';

type Program = (inputs: Readonly<Record<string, Tensor>>) => readonly Tensor[];

/** One test of one or several kernels: a pure function of tensors, and what it is given. */
export interface Row {
  readonly name: string;
  readonly inputs: Specs;
  readonly program: Program;
  /** Whether tfjs's gradients by the float inputs are compared too. */
  readonly gradients: boolean;
  readonly tolerance: number;
}

/** Errors are measured as |got − expected| / (1 + |expected|). */
const TOLERANCE = 1e-5;

interface RowOptions {
  /** By default where there are float inputs. */
  readonly gradients?: boolean;
  readonly tolerance?: number;
}

export function row<const I extends Specs>(
  name: string,
  inputs: I,
  program: (inputs: Tensors<I>) => Tensor | readonly Tensor[],
  { gradients = Object.values(inputs).some(isFloat), tolerance = TOLERANCE }: RowOptions = {},
): Row {
  return { name, inputs, program: (tensors) => [program(tensors as Tensors<I>)].flat(), gradients, tolerance };
}

/**
 * Compares a row's outputs, and its gradients, as traced and run by ONNX Runtime, with tfjs's own.
 * @param targets of those with equal graphs, one is run
 * @param tapes is given the traces of both
 */
export async function expectParity(
  row: Row,
  targets: readonly Target[] = [portable],
  tapes: Tape[] = [],
): Promise<void> {
  for (const { inputs, program } of programsOf(row)) {
    const tensors = makeInputs(inputs);
    const expected = eagerly(program, tensors);
    const tape = traceRow(inputs, program);
    tapes.push(tape);
    const feeds = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, feed(tensor)]));
    tf.dispose(tensors);
    const files: Uint8Array[] = [];
    for (const target of targets) {
      const file = serialize(lowerTape(tape, target));
      if (files.some((other) => Buffer.compare(other, file) === 0)) continue;
      files.push(file);
      const outputs = await runOnce(file, feeds);
      expected.forEach((want, i) => {
        expectClose(outputs[`out${i}`], want, row.tolerance, `${row.name} for ${target.name}, output ${i}`);
      });
    }
  }
}

/** Why tfjs's own backend and the tracer refuse a row, where they do. */
export function refusalsOf({ inputs, program }: Row): { tfjs: string | undefined; tracer: string | undefined } {
  const tensors = makeInputs(inputs);
  const tfjs = messageOf(() => void eagerly(program, tensors));
  tf.dispose(tensors);
  return { tfjs, tracer: messageOf(() => void lowerTape(traceRow(inputs, program), portable)) };
}

function messageOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function eagerly(program: Program, inputs: Readonly<Record<string, Tensor>>): HostTensor[] {
  let outputs: HostTensor[] = [];
  tf.tidy(() => {
    outputs = program(inputs).map(read);
  });
  return outputs;
}

/** The traces of a row's program and of its gradients. */
export const tapesOf = (row: Row): Tape[] => programsOf(row).map(({ inputs, program }) => traceRow(inputs, program));

/** Asserts type, shape and values. */
export function expectClose(got: HostTensor | undefined, want: HostTensor, tolerance: number, what: string): void {
  expect({ shape: got?.shape, dtype: got?.dtype }, what).toEqual({ shape: want.shape, dtype: want.dtype });
  const { error, at } = largestError(got?.values ?? [], want.values);
  expect(
    error,
    `${what}: at ${at} got ${got?.values[at]}, expected ${want.values[at]} (relative error ${error})`,
  ).toBeLessThanOrEqual(tolerance);
}

/** The largest |got − want| / (1 + |want|); numbers that are not finite must be the same. */
export function largestError(got: ArrayLike<number>, want: ArrayLike<number>): { error: number; at: number } {
  let worst = { error: 0, at: 0 };
  for (let at = 0; at < want.length; at++) {
    const [a, b] = [got[at] ?? Number.NaN, want[at] ?? Number.NaN];
    const same = Object.is(a, b) || a === b;
    const measured = Math.abs(a - b) / (1 + Math.abs(b));
    const error = same ? 0 : Number.isFinite(measured) ? measured : Number.POSITIVE_INFINITY;
    if (error > worst.error) worst = { error, at };
  }
  return worst;
}

export const read = (tensor: Tensor): HostTensor => ({
  shape: tensor.shape.map((d) => d + 0), // tfjs's empty tensors have a size of −0
  dtype: tensor.dtype,
  values: tensor.dataSync().slice(),
});

function programsOf(row: Row): { inputs: Specs; program: Program }[] {
  const forward = { inputs: row.inputs, program: row.program };
  return row.gradients ? [forward, gradientsOf(row)] : [forward];
}

/** tfjs's gradients, by the float inputs, of a sum of the first output with weights. */
function gradientsOf({ inputs, program }: Row): { inputs: Specs; program: Program } {
  const by = Object.keys(inputs).filter((name) => isFloat(inputs[name]));
  const shape = tf.tidy(() => program(makeInputs(inputs))[0]?.shape ?? []);
  const weighted: Program = ({ weights, ...tensors }) =>
    tf.grads((...args: Tensor[]) => {
      const all = { ...tensors, ...Object.fromEntries(by.map((name, i) => [name, args[i] as Tensor])) };
      return tf.sum(tf.mul(program(all)[0] as Tensor, weights as Tensor));
    })(by.map((name) => tensors[name] as Tensor));
  return { inputs: { ...inputs, weights: float(shape) }, program: weighted };
}

const isFloat = (spec: Specs[string] | undefined): boolean => spec?.dtype === 'float32';

const traceRow = (inputs: Specs, program: Program): Tape =>
  trace((tensors) => Object.fromEntries(program(tensors).map((tensor, i) => [`out${i}`, tensor])), { inputs });
