import { compile } from 'tfjs-to-onnx';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { bytesPerImage, type ImageShape } from '../../pipeline/data/dataset.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { type Engine, engineOf } from '../../pipeline/train/engine.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { createOnnxEngine, type OnnxDevice, runOptions, targetFor } from '../../pipeline/train/engines/onnx.ts';
import { buildProgram, drawNoise, type TrainingProgram } from '../../pipeline/train/program.ts';

/** A node of the graph. */
export interface NodeTime {
  readonly node: string;
  readonly op: string;
  /** The part of its name before the operator, such as `encoder/conv1`; empty outside layers. */
  readonly layer: string;
  /** Of its outputs. */
  readonly shapes: string;
  /** Of its fastest run, which other programs disturb least. */
  readonly ms: number;
}

export interface Total {
  readonly key: string;
  readonly count: number;
  readonly ms: number;
}

interface Stepped {
  readonly model: ModelDefinition;
  readonly image: ImageShape;
  readonly device: OnnxDevice;
  readonly threads: number;
  readonly batch: number;
}

const WARM_UP = 5;

/**
 * A training step of a model, warmed up.
 * @param trace the file that ONNX Runtime writes its trace to, less the ending; without it nothing is traced
 */
export async function stepper(what: Stepped, trace?: string) {
  const program = await programOf(what);
  const [target, options] = await Promise.all([targetFor(what.device), runOptions(what.threads, what.device)]);
  const session = { ...options.session, ...(trace && { enableProfiling: true, profileFilePrefix: trace }) };
  const compiled = await compile(program.programs, { ...program, ...options, session, target });
  const engine = engineOf(compiled, target.name);
  const step = await warmedUp(engine, program, what);
  const dispose = async () => {
    if (trace) (await compiled.session('step', what.batch)).endProfiling();
    await engine.dispose();
  };
  return { target: target.name, step, dispose };
}

/**
 * How long one slice of a batch takes, with no other beside it: as long as a step would take on as many threads as there are
 * slices, if they did not share memory and had no part of the step to do in common.
 * @returns milliseconds of the fastest of some steps, over the number of slices
 */
export async function sliceTime(what: Stepped, slices: number, steps: number): Promise<number> {
  const program = await programOf(what);
  const engine = await createOnnxEngine(program, { threads: 1, slices });
  try {
    const step = await warmedUp(engine, program, what);
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < steps; i++) least = Math.min(least, await step());
    return least / slices;
  } finally {
    await engine.dispose();
  }
}

async function programOf({ model, image }: Stepped): Promise<TrainingProgram> {
  await prepareEngine('onnx', 'cpu');
  return buildProgram(model, { ...image, latent: model.recipe.latent, classes: 10, seed: 0 });
}

/** A function that runs a step on noise and returns its milliseconds of all cores. */
async function warmedUp(engine: Engine, program: TrainingProgram, { image, batch: count }: Stepped) {
  const images = Uint8Array.from({ length: count * bytesPerImage(image) }, (_, i) => (i * 37) % 251);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 10);
  const noise = drawNoise(program, count, Generator.of(0, 'noise'));
  const step = async (): Promise<number> => {
    const before = process.cpuUsage();
    await engine.step({ count, images, labels, noise });
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e3;
  };
  for (let i = 0; i < WARM_UP; i++) await step();
  return step;
}

interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: { readonly op_name?: string; readonly output_type_shape?: readonly Record<string, number[]>[] };
}

/** The nodes in a trace, by their runs after those that warm up. */
export function nodeTimes(trace: string): NodeTime[] {
  const events = JSON.parse(trace) as TraceEvent[];
  const runs = events.flatMap(({ name }, i) => (name === 'model_run' ? [i] : []));
  const times = new Map<string, NodeTime>();
  for (const { cat, name, dur, args } of events.slice(runs[WARM_UP - 1])) {
    if (cat !== 'Node' || !name.endsWith(SUFFIX)) continue;
    const node = name.slice(0, -SUFFIX.length);
    const layer = node.slice(0, Math.max(0, node.lastIndexOf('/'))) || '(gradients, optimizer)';
    const shapes = args.output_type_shape?.map((output) => `[${Object.values(output)[0]}]`).join(' ') ?? '';
    const ms = Math.min(dur / 1e3, times.get(node)?.ms ?? Number.POSITIVE_INFINITY);
    times.set(node, { node, op: args.op_name ?? '', layer, shapes, ms });
  }
  return [...times.values()];
}

const SUFFIX = '_kernel_time';

/** Sums by key, the largest first. */
export function totals(times: readonly NodeTime[], keyOf: (time: NodeTime) => string): Total[] {
  const sums = new Map<string, { count: number; ms: number }>();
  for (const time of times) {
    const { count, ms } = sums.get(keyOf(time)) ?? { count: 0, ms: 0 };
    sums.set(keyOf(time), { count: count + 1, ms: ms + time.ms });
  }
  return [...sums].map(([key, sum]) => ({ key, ...sum })).sort((a, b) => b.ms - a.ms);
}
