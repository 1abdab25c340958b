import type { DataType, Tensor, TypedArray } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type * as Ort from 'onnxruntime-node';
import { type Rounding, withCpuKernels } from './cpu-kernels.ts';
import { decideBy } from './decisions.ts';
import { Failure } from './failure.ts';
import type { ModelProgram, Outputs } from './from/program.ts';
import { type SymbolicShape, shapeOf, symbolsOf } from './from/symbols.ts';
import type { Graph, Ref } from './ir.ts';
import { product } from './ir.ts';

/** The largest difference between tfjs and ONNX Runtime in one output. */
export interface Difference {
  readonly output: string;
  readonly absolute: number;
  /** In proportion to the largest number of the output. */
  readonly relative: number;
  /** The largest relative difference that is tolerated here. */
  readonly limit: number;
  /** How far tfjs's own numbers move when its sums are rounded otherwise; 0 where that was not tried. */
  readonly rounding: number;
  /** The inputs for which it is largest. */
  readonly on: string;
  /** The kernels that were given the numbers of ONNX Runtime, since tfjs decides differently by its own. */
  readonly decidedBy?: readonly string[];
}

export interface CheckOptions {
  /** Number of random inputs, beside zeros. */
  readonly samples: number;
  /** The relative difference that is always tolerated. */
  readonly tolerance: number;
  /** Whether what rounding alone makes of tfjs's own numbers is tolerated too. */
  readonly toleratesRounding: boolean;
  /** Whether images go in with the channels first. */
  readonly nchwInputs: boolean;
  /** Runs a program in tfjs, and shows how far it is. */
  readonly shown?: <T>(what: string, inputs: Outputs, run: () => Promise<T>) => Promise<T>;
}

/** A model once more, with the numbers that it decides by as further outputs of the file. */
export interface Deciding {
  readonly file: Uint8Array;
  readonly program: ModelProgram;
}

/** ONNX Runtime for Node, or undefined where it is not installed. */
export async function findRuntime(): Promise<typeof Ort | undefined> {
  try {
    const found = await import('onnxruntime-node');
    // A loader of TypeScript gives the package itself, Node its default export.
    return 'InferenceSession' in found ? found : (found as { default: typeof Ort }).default;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Runs a model in tfjs and its file in ONNX Runtime on random inputs of several sizes and on zeros.
 * @param file the bytes of the ONNX file
 * @param deciding makes what is needed to compare decisions between numbers that are equal but for rounding
 * @returns the largest difference in each output
 * @throws Failure where ONNX Runtime refuses the file or a run, or tfjs fails
 */
export async function compare(
  program: ModelProgram,
  graph: Graph,
  file: Uint8Array,
  ort: typeof Ort,
  { samples, tolerance, toleratesRounding, nchwInputs, shown = (_what, _inputs, run) => run() }: CheckOptions,
  deciding: () => Promise<Deciding | undefined> = async () => undefined,
): Promise<Difference[]> {
  const open = (bytes: Uint8Array) => ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const session = await attempt('ONNX Runtime refuses the file', () => open(file));
  const worst = new Map<string, Difference>();
  const tolerated = (a: Held | undefined, b: Held | undefined): boolean =>
    !isTooLarge({ ...differenceOf(a, b), limit: tolerance });

  /** The differences where tfjs decides by the numbers of ONNX Runtime; undefined where that does not explain all. */
  const decided = async (
    inputs: Outputs,
    feeds: Feeds,
    got: Outcome,
    found: readonly Difference[],
    on: string,
  ): Promise<Difference[] | undefined> => {
    const model = await deciding();
    if (!model) return undefined;
    const other = await open(model.file);
    try {
      const numbers = await other.run(feeds);
      if (!Object.keys(got).every((output) => tolerated(numbers[output], got[output]))) return undefined;
      const run = () => decideBy(model.program, inputs, numbers, (values, own) => tolerated(values, held(own)));
      const result = await shown(`tfjs on ${on}, with other numbers`, inputs, () => withCpuKernels(run));
      if (!result) return undefined;
      const differences = found.map((own): Difference => {
        const difference = differenceOf(got[own.output], held(result.outputs[own.output] as Tensor));
        return { ...own, ...difference, ...(isTooLarge(own) && { decidedBy: result.kernels }) };
      });
      disposeAll(result.outputs);
      return differences.some(isTooLarge) ? undefined : differences;
    } finally {
      await other.release();
    }
  };

  try {
    for (let i = 0; i <= samples; i++) {
      const zeros = i === samples;
      const on = zeros ? 'zeros' : `random input ${i + 1}`;
      const inputs = inputsFor(program, graph, zeros ? undefined : i, nchwInputs);
      const run = (what: string, rounding?: Rounding) =>
        shown(`tfjs on ${on}${what}`, inputs, () => withCpuKernels(async () => program.run(inputs), rounding));
      const expected = await attempt(`tfjs fails on ${on}`, () => run(''));
      const feeds = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, feed(ort, x, nchwInputs)]));
      const got = await attempt(`ONNX Runtime fails on ${on}`, () => session.run(feeds));
      const found = Object.entries(expected).map(([output, want]): Difference => {
        return { output, on, limit: tolerance, rounding: 0, ...differenceOf(got[output], held(want)) };
      });
      const isWrong = found.some(isTooLarge);
      // Where that fails, too, it explains nothing, and the differences stay as they are.
      const alike = isWrong ? await decided(inputs, feeds, got, found, on).catch(() => undefined) : undefined;
      const isAsked = toleratesRounding && isWrong && !alike;
      const moved = isAsked ? await run(', rounded otherwise', roundOtherwise()) : {};
      const judged = (alike ?? found).map((difference): Difference => {
        const [want, other] = [expected[difference.output], moved[difference.output]];
        const rounding = want && other ? differenceOf(held(other), held(want)).relative : 0;
        const limit = Math.max(tolerance, Math.min(ROUNDING * rounding, MOST_ROUNDING));
        return { ...difference, rounding, limit };
      });
      for (const difference of judged) {
        const known = worst.get(difference.output);
        if (!known || isWorse(difference, known)) worst.set(difference.output, difference);
      }
      disposeAll(inputs, expected, moved);
    }
  } finally {
    await session.release();
  }
  return [...worst.values()];
}

/** How many times as far as in tfjs's own numbers rounding may go: each system rounds at each step. */
const ROUNDING = 2;

/** The most that rounding may explain: where it moves numbers further, a comparison shows nothing. */
const MOST_ROUNDING = 1e-2;

/** What float32 cannot tell from 0 beside numbers around 1. */
const FLOAT32 = 1.2e-7;

/** Whether a difference is more than is tolerated. */
export const isTooLarge = ({
  absolute,
  relative,
  limit,
}: Pick<Difference, 'absolute' | 'relative' | 'limit'>): boolean => !(relative <= limit || absolute <= FLOAT32);

/** Whether a difference may come from rounding alone: that of numbers which decide on an order, say. */
export const mayBeRounding = ({ relative, rounding }: Difference): boolean => relative <= ROUNDING * rounding;

/** What is too large is worse than what is tolerated, however small the numbers are that the latter is relative to. */
function isWorse(a: Difference, b: Difference): boolean {
  const share = ({ relative, limit }: Difference): number => relative / (limit + Number.MIN_VALUE);
  return isTooLarge(a) === isTooLarge(b) ? share(a) > share(b) : isTooLarge(a);
}

function disposeAll(...groups: readonly Outputs[]): void {
  for (const group of groups) tf.dispose(Object.values(group));
}

async function attempt<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(`${what}: ${reason}`);
  }
}

/** Batches and lengths of the samples, in turn; the last is for zeros. */
const BATCHES = [1, 3, 2];
const LENGTHS = [100, 150, 128];

/** Random inputs, the same ones each time, or zeros where there is no sample's number. */
function inputsFor(
  { inputs }: ModelProgram,
  { inputs: refs, shapes = {} }: Graph,
  sample: number | undefined,
  nchw: boolean,
) {
  const open: readonly SymbolicShape[] = refs.map((ref: Ref) => shapes[ref.name] ?? ref.shape);
  const sizes = Object.fromEntries(symbolsOf(open).map((symbol) => [symbol, sizeOf(symbol, open, sample ?? 0)]));
  const made = inputs.map(({ name, dtype }, i) => {
    const at = refs.findIndex((ref) => ref.name === name);
    const shape = shapeOf(open[at] ?? [], sizes);
    const [n = 1, c = 1, h = 1, w = 1] = shape;
    const own = nchw && shape.length === 4 ? [n, h, w, c] : shape;
    return [name, sample === undefined ? tf.zeros(own, dtype) : randomTensor(own, dtype, 31 * sample + i)] as const;
  });
  return Object.fromEntries(made);
}

/** A size for a symbol: a batch, or a length near one that images have, as a multiple of what the symbol multiplies. */
function sizeOf(symbol: string, shapes: readonly SymbolicShape[], sample: number): number {
  if (symbol === 'N') return BATCHES[sample % BATCHES.length] ?? 1;
  const factors = shapes
    .flat()
    .flatMap((d) => (typeof d === 'string' && d.endsWith(`*${symbol}`) ? [Number.parseInt(d, 10)] : []));
  return Math.ceil((LENGTHS[sample % LENGTHS.length] ?? 1) / Math.max(1, ...factors));
}

/** Numbers from −1 to 1; whole ones are pixels where there are four axes, otherwise 0 or 1, which every table has. */
function randomTensor(shape: number[], dtype: DataType, seed: number): Tensor {
  const [low, high] = dtype === 'float32' ? [-1, 1] : [0, dtype === 'int32' && shape.length === 4 ? 256 : 2];
  const values = tf.randomUniform(shape, low, high, 'float32', seed);
  return dtype === 'float32' ? values : tf.tidy(() => tf.cast(tf.floor(values), dtype));
}

function feed(ort: typeof Ort, x: Tensor, nchw: boolean): Ort.Tensor {
  const tensor = nchw && x.rank === 4 ? tf.transpose(x, [0, 3, 1, 2]) : x;
  const values = tensor.dataSync();
  if (x.dtype === 'bool') return new ort.Tensor('bool', Uint8Array.from(values), tensor.shape);
  return x.dtype === 'int32'
    ? new ort.Tensor('int32', Int32Array.from(values), tensor.shape)
    : new ort.Tensor('float32', Float32Array.from(values), tensor.shape);
}

/** Moves numbers as sums in another order may: by the last bit of the largest one times the root of how many are added. */
function roundOtherwise(): Rounding {
  let state = 1;
  return (values, products) => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const bit = largest * 2 ** -23 * Math.sqrt(products);
    for (let i = 0; i < values.length; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      values[i] = (values[i] ?? 0) + (bit * state) / 2 ** 31;
    }
  };
}

type Outcome = Ort.InferenceSession.OnnxValueMapType;
type Feeds = Readonly<Record<string, Ort.Tensor>>;
/** A tensor on the host. */
type Held = Pick<Ort.Tensor, 'type' | 'dims' | 'data'>;

const held = (x: Tensor): Held => ({ type: x.dtype as Ort.Tensor.Type, dims: x.shape, data: x.dataSync() });

/** Differences of an output; infinite where type or shape are not the same. */
function differenceOf(got: Held | undefined, want: Held | undefined): Pick<Difference, 'absolute' | 'relative'> {
  const same = got && want && got.type === want.type && String(got.dims) === String(want.dims);
  if (!same) return { absolute: Number.POSITIVE_INFINITY, relative: Number.POSITIVE_INFINITY };
  const [a, b] = [got.data as TypedArray, want.data as TypedArray];
  let [absolute, largest] = [0, 0];
  for (let i = 0; i < product(want.dims); i++) {
    const [x, y] = [Number(a[i]), Number(b[i])];
    if (Number.isFinite(y)) largest = Math.max(largest, Math.abs(y));
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const difference = Math.abs(x - y);
    absolute = Math.max(absolute, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }
  return { absolute, relative: absolute === 0 ? 0 : absolute / largest };
}
