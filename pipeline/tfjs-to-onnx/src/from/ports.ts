import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Graph, product } from '../ir.ts';
import type { OpenInput, OpenInputs } from './function.ts';
import type { ModelProgram, Port } from './program.ts';
import { BATCH, type SymbolicShape } from './symbols.ts';

/** How a model's inputs are converted. */
export interface ModelOptions {
  /** Shapes of inputs, where the model leaves sizes open. Names in them stay open: `['N', 'H', 'W', 3]`. */
  readonly shapes?: Readonly<Record<string, SymbolicShape>>;
  /** Inputs that always have the same value, by name: they are no inputs of the graph. */
  readonly values?: Readonly<Record<string, number | readonly number[]>>;
  /** Axes of inputs that stay open beside the batch, by the input's name. */
  readonly dynamic?: Readonly<Record<string, readonly number[]>>;
  /** Whether images, `[N, H, W, C]` in the model, come with the channels first. */
  readonly nchwInputs?: boolean;
}

/**
 * A model with the inputs that always have the same value filled in.
 * @throws Error for an input that it does not have; when it runs, for values that do not fit
 */
export function withValues<Result>(
  program: ModelProgram<Result>,
  { values = {} }: Pick<ModelOptions, 'values'>,
): ModelProgram<Result> {
  refuseUnknown(program.name, program.inputs, Object.keys(values));
  const isGiven = ({ name }: Port): boolean => values[name] !== undefined;
  const given = program.inputs.filter(isGiven);
  return {
    ...program,
    inputs: program.inputs.filter((port) => !isGiven(port)),
    run(inputs) {
      const made = given.map((port) => [port.name, tensorFor(program.name, port, [values[port.name] ?? []].flat())]);
      return program.run({ ...inputs, ...Object.fromEntries(made) });
    },
  };
}

function tensorFor(model: string, { name, shape, dtype }: Port, values: readonly number[]): Tensor {
  const declared = shape ?? (values.length === 1 ? [] : [null]);
  const free = declared.filter((d) => d === null).length;
  const rest = values.length / product(declared.map((d) => d ?? 1));
  if (free > 1 || !Number.isInteger(rest) || (free === 0 && rest !== 1)) {
    const sizes = declared.map((d) => d ?? 'any').join(', ');
    throw new Error(`input ${name} of model ${model} is [${sizes}]; a value of ${values.length} numbers does not fit`);
  }
  return tf.tensor(
    [...values],
    declared.map((d) => d ?? rest),
    dtype,
  );
}

/** Sizes of open axes are tried as multiples of these, one after the other. */
const FACTORS = [1, 2, 4, 8, 16, 32, 64];

/**
 * Converts a model with the sizes of its inputs that are asked for. The batch stays open where the model allows it; an
 * open axis may have to be a multiple of a number, which its name in the graph tells.
 * @throws Error when a size is missing, or does not fit the model
 */
export function withOpenSizes(
  program: ModelProgram,
  options: ModelOptions,
  convert: (inputs: OpenInputs) => Graph,
): Graph {
  const failures: Error[] = [];
  for (const attempt of attemptsFor(program, options)) {
    try {
      return noted(convert(attempt.inputs()), attempt, failures);
    } catch (error) {
      failures.push(refusal(error));
    }
  }
  throw failures[0];
}

/** The same for a conversion that waits. */
export async function withOpenSizesAsync(
  program: ModelProgram,
  options: ModelOptions,
  convert: (inputs: OpenInputs) => Promise<Graph>,
): Promise<Graph> {
  const failures: Error[] = [];
  for (const attempt of attemptsFor(program, options)) {
    try {
      return noted(await convert(attempt.inputs()), attempt, failures);
    } catch (error) {
      failures.push(refusal(error));
    }
  }
  throw failures[0];
}

/** Refusals are plain errors; anything else is a bug. */
function refusal(error: unknown): Error {
  if (error instanceof Error && error.constructor === Error) return error;
  throw error;
}

const noted = (graph: Graph, { note }: Attempt, [reason]: readonly Error[]): Graph =>
  note && reason ? { ...graph, notes: [`${note}: ${reason.message}`] } : graph;

interface Attempt {
  inputs(): OpenInputs;
  readonly note?: string;
}

/** What is tried: the sizes as asked for, then as multiples, then one image or row instead of any number. */
function attemptsFor({ name: model, inputs: ports }: ModelProgram, options: ModelOptions): Attempt[] {
  refuseUnknown(model, ports, Object.keys({ ...options.shapes, ...options.dynamic }));
  const all = (factor: number, batch: string | number) => () =>
    Object.fromEntries(ports.map((port) => [port.name, inputOf(model, port, options, factor, batch)]));
  const opened = Object.values(options.dynamic ?? {}).flat();
  const factors = opened.some((axis) => axis > 0) ? FACTORS : [1];
  const attempts = factors.map((factor): Attempt => ({ inputs: all(factor, BATCH) }));
  const byDefault = ports.some(({ name, shape }) => shape?.[0] === null && !options.shapes?.[name]);
  if (!byDefault || opened.includes(0)) return attempts;
  return [...attempts, { inputs: all(1, 1), note: 'the batch size is fixed at 1' }];
}

function refuseUnknown(model: string, ports: readonly Port[], asked: readonly string[]): void {
  const names = ports.map(({ name }) => name);
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new Error(`model ${model} has no input ${unknown}; its inputs are ${names.join(', ')}`);
}

function inputOf(
  model: string,
  { name, shape, dtype }: Port,
  { shapes = {}, dynamic = {}, nchwInputs }: ModelOptions,
  factor: number,
  batch: string | number,
): OpenInput {
  const where = `input ${name} of model ${model}`;
  if (dtype === 'string') {
    throw new Error(`${where} is of strings, which graphs do not have; convert the part of the model behind them`);
  }
  const asked = shapes[name] ?? shape?.map((d, axis) => d ?? (axis === 0 ? batch : null));
  if (!asked) throw new Error(`${where} may have any number of axes; give its shape (--shape ${name}=1,224,224,3)`);
  const opened = dynamic[name] ?? [];
  const beyond = opened.find((axis) => axis >= asked.length);
  if (beyond !== undefined) throw new Error(`${where} has no axis ${beyond}: its axes are 0 to ${asked.length - 1}`);
  const full = asked.map((d, axis) => {
    if (!opened.includes(axis)) return d;
    if (axis === 0) return BATCH;
    return `${factor === 1 ? '' : `${factor}*`}${name}_${axis}`;
  });
  const misfit = shape && (shape.length !== full.length || shape.some((d, axis) => d !== null && d !== full[axis]));
  if (misfit) {
    const declared = shape.map((d) => d ?? 'any').join(', ');
    throw new Error(`${where} is [${declared}]; [${full.join(', ')}] does not fit`);
  }
  const missing = full.flatMap((d, axis) => (d === null ? [axis] : []));
  if (missing.length > 0) {
    const example = full.map((d, axis) => (axis === 0 ? 1 : (d ?? 224))).join(',');
    const remedy = `give one (--shape ${name}=${example}) or leave it open (--dynamic ${name}=${missing})`;
    throw new Error(`${where} has no fixed size on axis ${missing.join(' and ')}; ${remedy}`);
  }
  const layout = nchwInputs && full.length === 4 ? 'nchw' : undefined;
  return { shape: full as (number | string)[], dtype, layout };
}
