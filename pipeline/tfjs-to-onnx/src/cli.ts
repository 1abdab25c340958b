import { rmSync } from 'node:fs';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { compare, type Deciding, type Difference, findRuntime, isTooLarge, mayBeRounding } from './check.ts';
import { withDecisions } from './decisions.ts';
import { Failure, fileFailure, isOfTensorFlow } from './failure.ts';
import { boundedProgram, graphOfGraphModel } from './from/graph-model.ts';
import { graphOfLayersModel, layersProgram } from './from/layers-model.ts';
import { loadModel } from './from/load-model.ts';
import { withValues } from './from/ports.ts';
import type { ModelProgram, ProgramChange } from './from/program.ts';
import type { Graph, Ref } from './ir.ts';
import { inOpset } from './opset.ts';
import { type Options, parse, USAGE } from './options.ts';
import { halfWeights } from './passes/half-weights.ts';
import { print } from './print.ts';
import { WorkShown } from './progress.ts';
import { OPSET, serialize } from './serialize.ts';

/** Runs the command and returns its exit code; a bug of ours is thrown. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parse(args);
    if (options === 'help') process.stdout.write(USAGE);
    else if (options === 'version') process.stdout.write(`${manifest.version}\n`);
    else await convert(options);
    return 0;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`tfjs-to-onnx: ${error.message}\n`);
    return error.exitCode;
  }
}

async function convert(options: Options): Promise<void> {
  const { out } = options;
  if (out) await refuseFolder(out);
  const work = new WorkShown(process.stderr);
  const converted = await refusing(options.model, () => convertFile(options, work));
  const { graph } = converted;
  const bytes = serialize(graph);
  const checked = await check(converted, bytes, options, work);
  if (out) await publish(out, bytes);
  for (const note of [...(graph.notes ?? []), ...checked.notes]) process.stderr.write(`note: ${note}\n`);
  process.stdout.write(report(options, graph, bytes, checked.differences));
}

/** What tfjs and the conversion throw about a model becomes one line; anything else is a bug and keeps its stack. */
async function refusing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RangeError && /allocation|invalid.*length|string length/i.test(error.message)) {
      throw new Failure(`${path}: it takes more memory than there is (${error.message})`);
    }
    if (!(error instanceof Error) || error instanceof Failure) throw error;
    if (error.constructor === Error) throw new Failure(`${path}: ${error.message}`);
    if (isOfTensorFlow(error)) throw new Failure(`${path}: tfjs fails on it: ${error.message}`);
    throw error;
  }
}

interface Converted {
  readonly graph: Graph;
  readonly program: ModelProgram;
  /** What compares decisions, if it can be converted. */
  deciding(): Promise<Deciding | undefined>;
}

async function convertFile(options: Options, work: WorkShown): Promise<Converted> {
  const loaded = await loadModel(options.model, options.register);
  const { program, decided, graphOf } =
    loaded.kind === 'layers' ? ofLayers(loaded.model, options) : ofGraph(loaded.model, options);
  const converted = async (change: ProgramChange) => {
    const graph = await graphOf(change);
    const stored = options.float16 ? halfWeights(graph) : graph;
    return options.opset === undefined ? stored : inOpset(stored, options.opset);
  };
  let deciding: Promise<Deciding | undefined> | undefined;
  return {
    graph: await converted((given) => work.counted(given)),
    program,
    deciding: () => {
      deciding ??= converted(withDecisions).then(
        (graph) => ({ file: serialize(graph), program: decided }),
        () => undefined, // a decision may be where no output can be
      );
      return deciding;
    },
  };
}

function ofLayers(model: Parameters<typeof layersProgram>[0], options: Options) {
  const program = withValues(layersProgram(model), options);
  return { program, decided: program, graphOf: (change: ProgramChange) => graphOfLayersModel(model, options, change) };
}

function ofGraph(model: Parameters<typeof boundedProgram>[0], options: Options) {
  const name = nameOf(options.model);
  const [program, decided] = [boundedProgram(model, name), boundedProgram(model, name, { byKernels: true })];
  return {
    program: withValues(program, options),
    decided: withValues(decided, options),
    graphOf: (change: ProgramChange) => graphOfGraphModel(model, { ...options, name }, change),
  };
}

/** The name of the file, or of its folder where it is just `model.json`. */
function nameOf(path: string): string {
  const name = basename(path).replace(/\.json$/i, '');
  const folder = basename(dirname(path));
  return name === 'model' && /\w/.test(folder) ? folder : name;
}

interface Checked {
  readonly differences: readonly Difference[];
  readonly notes: readonly string[];
}

/** @throws Failure where the file does not do what tfjs does */
async function check(
  { program, graph, deciding }: Converted,
  bytes: Uint8Array,
  options: Options,
  work: WorkShown,
): Promise<Checked> {
  const { check: asked, tolerance, toleratesRounding, nchwInputs, model } = options;
  if (asked === 0) return { differences: [], notes: [] };
  const ort = await findRuntime();
  if (!ort) {
    const install = 'run `npm install onnxruntime-node`';
    if (asked !== undefined) throw new Failure(`--check needs ONNX Runtime; ${install}`, 3);
    return { differences: [], notes: [`the file was not compared with tfjs; to do that, ${install}`] };
  }
  const shown: WorkShown['shown'] = (...args) => work.shown(...args);
  const checks = { samples: asked ?? 1, tolerance, toleratesRounding, nchwInputs, shown };
  const differences = await compare(program, graph, bytes, ort, checks, deciding).catch((error) => {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`${model}: ${error.message}; nothing was written (see --check)`, error.exitCode);
  });
  const bad = differences.find(isTooLarge);
  if (bad) {
    const found = `output ${bad.output} differs from tfjs's by ${short(bad.absolute)} (relative ${short(bad.relative)})`;
    const reason = mayBeRounding(bad)
      ? `, where tfjs's own numbers move by ${short(bad.rounding)} when its sums are rounded otherwise`
      : '';
    throw new Failure(
      `${model}: ${found} on ${bad.on}, more than ${Number(bad.limit.toPrecision(2))}${reason}; nothing was written (see --tolerance)`,
    );
  }
  const rounded = differences
    .filter((difference) => isTooLarge({ ...difference, limit: tolerance }))
    .map(({ output, relative }) => {
      const found = `output ${output} differs from tfjs's by ${short(relative)} of its largest number`;
      return `${found}, which is rounding: tfjs's own numbers move as far when its sums are rounded otherwise`;
    });
  const decided = differences.flatMap(({ output, relative, decidedBy }) => {
    if (!decidedBy) return [];
    const found = `output ${output} agrees with tfjs's, to ${short(relative)} of its largest number`;
    const same = `where ${list(decidedBy)} decide by the same numbers`;
    return `${found}, ${same}; tfjs decides differently by its own, which differ by less than the tolerance`;
  });
  return { differences, notes: [...rounded, ...decided] };
}

const list = (names: readonly string[]): string => names.join(', ').replace(/, (?=[^,]*$)/, ' and ');

const short = (value: number): string => (value === 0 ? '0' : value.toExponential(1));

/** What is printed when all is done. */
function report(
  { out, json, print: text }: Options,
  graph: Graph,
  bytes: Uint8Array,
  checks: readonly Difference[],
): string {
  const port = (name: string, { type, shape }: Ref) => {
    return { name, type: type === 'float' ? 'float32' : type, shape: graph.shapes?.[name] ?? shape };
  };
  const inputs = graph.inputs.map((ref) => port(ref.name, ref));
  const outputs = graph.outputs.map(({ name, ref }) => port(name, ref));
  const { opset = OPSET, notes = [] } = graph;
  const nodes = graph.nodes.length;
  const printed = text ? print(graph) : undefined;
  if (json) {
    const file = out && { file: out, bytes: bytes.length };
    return `${JSON.stringify({ ...file, opset, nodes, inputs, outputs, checks, notes, ...(printed && { graph: printed }) })}\n`;
  }
  const line = (kind: string) => (one: ReturnType<typeof port>) =>
    `  ${kind} ${one.name}: ${one.type} [${one.shape.join(', ')}]`;
  const difference = ({ output, absolute, relative }: Difference) =>
    `  check ${output}: differs from tfjs by ${short(absolute)}, relative ${short(relative)}`;
  const head = `${out}: ${bytes.length} bytes, ${nodes} nodes, opset ${opset}`;
  const summary = out
    ? [head, ...inputs.map(line('input')), ...outputs.map(line('output')), ...checks.map(difference)]
    : [];
  return `${[...summary, ...(printed ? [printed] : [])].join('\n')}\n`;
}

async function refuseFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw new Failure(`${path}: it is a folder; give the name of the ONNX file`);
}

/** Writes a complete file or none, also where a signal ends the process. */
async function publish(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  const stop = beforeSignals(() => rmSync(part, { force: true }));
  try {
    await writeFile(part, bytes, { flush: true });
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw fileFailure(error, path);
  } finally {
    stop();
  }
}

/** Calls `tidy` before a signal ends the process. Returns a function that undoes it. */
function beforeSignals(tidy: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const end = (signal: NodeJS.Signals) => {
    stop();
    tidy();
    process.kill(process.pid, signal);
  };
  const stop = () => {
    for (const signal of signals) process.off(signal, end);
  };
  for (const signal of signals) process.on(signal, end);
  return stop;
}
