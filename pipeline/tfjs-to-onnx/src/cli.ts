import { open, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { Failure, fileFailure } from './failure.ts';
import type { DynamicGraph } from './from/dynamic-batch.ts';
import { graphOfLayersModel } from './from/layers-model.ts';
import { loadModel } from './from/load-model.ts';
import type { Ref } from './ir.ts';
import { print } from './print.ts';
import { OPSET, serialize } from './serialize.ts';

const USAGE = `tfjs-to-onnx MODEL.json OUT.onnx [options]

Converts a TensorFlow.js layers model (model.json and its files of weights) to an ONNX file.

  --print     print the graph as text; OUT.onnx may then be left out
  --json      print what was made as JSON
  --version   print the version
  --help      print this

Exit codes: 0 done, 2 the input is wrong, 3 the machine failed (disk, missing package).
`;

/** Runs the command with its arguments and returns its exit code; what is no user's fault is thrown. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    if (values.help) process.stdout.write(USAGE);
    else if (values.version) process.stdout.write(`${version()}\n`);
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
  const converted = await convertFile(model);
  const bytes = serialize(converted.graph, { shapes: converted.shapes });
  if (out) await publish(out, bytes);

  const { nodes, outputs, inputs } = converted.graph;
  const described = {
    ...(out && { file: out, bytes: bytes.length }),
    opset: OPSET,
    nodes: nodes.length,
    inputs: inputs.map((ref) => describe(ref.name, ref, converted)),
    outputs: outputs.map(({ name, ref }) => describe(name, ref, converted)),
    ...(text && { graph: print(converted.graph, converted) }),
  };
  process.stdout.write(json ? `${JSON.stringify(described)}\n` : summary(described));
}

async function convertFile(path: string): Promise<DynamicGraph> {
  const model = await loadModel(path);
  try {
    return graphOfLayersModel(model);
  } catch (error) {
    // Refusals are plain errors; anything else is a bug and keeps its stack.
    if (!(error instanceof Error) || error.constructor !== Error) throw error;
    throw new Failure(`${path}: ${error.message}`);
  }
}

interface Described {
  readonly file?: string;
  readonly bytes?: number;
  readonly nodes: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly graph?: string;
}
interface Port {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

const describe = (name: string, ref: Ref, { shapes }: DynamicGraph): Port => ({
  name,
  type: ref.type === 'float' ? 'float32' : ref.type,
  shape: shapes[name] ?? ref.shape,
});

function summary({ file, bytes, nodes, inputs, outputs, graph }: Described): string {
  const port = (kind: string) => (one: Port) => `  ${kind} ${one.name}: ${one.type} [${one.shape.join(', ')}]`;
  const lines = [
    ...(file ? [`${file}: ${bytes} bytes, ${nodes} nodes, opset ${OPSET}`] : []),
    ...(file ? [...inputs.map(port('input')), ...outputs.map(port('output'))] : []),
    ...(graph ? [graph] : []),
  ];
  return `${lines.join('\n')}\n`;
}

async function refuseFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw new Failure(`${path}: it is a folder; give the name of the ONNX file`);
}

/** Writes a file whole or not at all. */
async function publish(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    const file = await open(part, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
      await file.close();
      await rename(part, path);
    } catch (error) {
      await file.close();
      await rm(part, { force: true });
      throw error;
    }
  } catch (error) {
    throw fileFailure(error, path);
  }
}

const version = (): string =>
  (createRequire(import.meta.url)('../package.json') as { readonly version: string }).version;
