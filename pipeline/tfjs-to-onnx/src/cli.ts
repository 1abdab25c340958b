import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import manifest from '../package.json' with { type: 'json' };
import { Failure, fileFailure } from './failure.ts';
import { graphOfLayersModel } from './from/layers-model.ts';
import { loadModel } from './from/load-model.ts';
import type { Graph, Ref } from './ir.ts';
import { print } from './print.ts';
import { OPSET, serialize } from './serialize.ts';

const USAGE = `tfjs-to-onnx MODEL.json OUT.onnx [options]

Converts a TensorFlow.js layers model (model.json and its files of weights) to an ONNX file.

  --print     print the graph as text; OUT.onnx may then be left out
  --json      print a summary as JSON
  --version   print the version
  --help      print this

Exit codes: 0 done, 2 the input is wrong, 3 the machine failed (disk, missing package).
`;

/** Runs the command and returns its exit code; a bug of ours is thrown. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    if (values.help) process.stdout.write(USAGE);
    else if (values.version) process.stdout.write(`${manifest.version}\n`);
    else await convert(positionals, { text: values.print, json: values.json });
    return 0;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`tfjs-to-onnx: ${error.message}\n`);
    return error.exitCode;
  }
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  try {
    const options = { print: flag, json: flag, version: flag, help: { ...flag, short: 'h' } } as const;
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new Failure(`${(error as Error).message.split('.', 1)[0]} (see tfjs-to-onnx --help)`);
  }
}

async function convert(paths: readonly string[], { text, json }: { text: boolean; json: boolean }): Promise<void> {
  const [model, out, ...rest] = paths;
  if (!model || (!out && !text) || rest.length > 0) {
    throw new Failure('a MODEL.json and an OUT.onnx were expected (see tfjs-to-onnx --help)');
  }
  if (out) await refuseFolder(out);
  const graph = await convertFile(model);
  const bytes = serialize(graph);
  if (out) await publish(out, bytes);

  const port = (name: string, { type, shape }: Ref) => {
    return { name, type: type === 'float' ? 'float32' : type, shape: graph.shapes?.[name] ?? shape };
  };
  const inputs = graph.inputs.map((ref) => port(ref.name, ref));
  const outputs = graph.outputs.map(({ name, ref }) => port(name, ref));
  const file = out && { file: out, bytes: bytes.length };
  const printed = text && { graph: print(graph) };
  if (json) {
    const described = { ...file, opset: OPSET, nodes: graph.nodes.length, inputs, outputs, ...printed };
    process.stdout.write(`${JSON.stringify(described)}\n`);
    return;
  }
  const line = (kind: string) => (one: ReturnType<typeof port>) =>
    `  ${kind} ${one.name}: ${one.type} [${one.shape.join(', ')}]`;
  const head = `${out}: ${bytes.length} bytes, ${graph.nodes.length} nodes, opset ${OPSET}`;
  const summary = file ? [head, ...inputs.map(line('input')), ...outputs.map(line('output'))] : [];
  process.stdout.write(`${[...summary, ...(printed ? [printed.graph] : [])].join('\n')}\n`);
}

async function convertFile(path: string): Promise<Graph> {
  const model = await loadModel(path);
  try {
    return graphOfLayersModel(model);
  } catch (error) {
    // Refusals are plain errors; anything else is a bug and keeps its stack.
    if (!(error instanceof Error) || error.constructor !== Error) throw error;
    throw new Failure(`${path}: ${error.message}`);
  }
}

async function refuseFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw new Failure(`${path}: it is a folder; give the name of the ONNX file`);
}

/** Writes a complete file or none. */
async function publish(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, bytes, { flush: true });
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw fileFailure(error, path);
  }
}
