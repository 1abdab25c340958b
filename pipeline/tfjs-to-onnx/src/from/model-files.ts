import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import type { io } from '@tensorflow/tfjs-core';
import { Failure, fileFailure } from '../failure.ts';
import { product } from '../ir.ts';

/** A model.json with the bytes of its weights. */
export interface ModelFiles {
  readonly kind: 'layers' | 'graph';
  readonly artifacts: io.ModelArtifacts & { readonly modelTopology: object };
}

/**
 * Reads a model.json and the files of weights that it names, which have to be beside it or below.
 * @throws Failure naming the file that is missing, damaged or of another kind
 */
export async function readModelFiles(path: string): Promise<ModelFiles> {
  const { kind, description, manifest } = await readDescription(path);
  const bytes = Buffer.concat(await Promise.all(manifest.map((group) => readGroup(group, path))));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const { weightsManifest: _, ...rest } = description;
  return { kind, artifacts: { ...rest, weightSpecs: manifest.flatMap(({ weights }) => weights), weightData } };
}

type Description = { readonly modelTopology: object } & Record<string, unknown>;

async function readDescription(path: string) {
  const text = (await read(path)).toString('utf8');
  if (text.trim() === '') throw new Failure(`${path}: it is empty; a model.json was expected`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, withoutInitializer);
  } catch (error) {
    throw new Failure(`${path}: it is not JSON (${(error as Error).message})`);
  }
  const { format, modelTopology, weightsManifest, ...others } = asRecord(parsed) ?? {};
  const topology = asRecord(modelTopology);
  if (!topology)
    throw new Failure(`${path}: it has no modelTopology; a model.json saved by TensorFlow.js was expected`);
  if (!Array.isArray(weightsManifest)) {
    throw new Failure(`${path}: it has no weightsManifest that names its weight files`);
  }
  if (!weightsManifest.every(isGroup)) {
    const expected = 'paths, and weights with name, shape and dtype were expected';
    throw new Failure(`${path}: its weightsManifest is damaged; ${expected}`);
  }
  const kind = format === 'graph-model' || Array.isArray(topology.node) ? ('graph' as const) : ('layers' as const);
  const description: Description = { ...others, modelTopology: topology };
  return { kind, description, manifest: weightsManifest };
}

/** Weights are loaded, so they need no initial values; some initializers are slow. */
const withoutInitializer = (key: string, value: unknown): unknown =>
  /initializer$/i.test(key) && typeof (value as { class_name?: unknown } | null)?.class_name === 'string'
    ? { class_name: 'Zeros', config: {} }
    : value;

type Group = io.WeightsManifestConfig[number];

const isGroup = (group: unknown): group is Group => {
  const { paths, weights } = asRecord(group) ?? {};
  return isList(paths, (one) => typeof one === 'string') && isList(weights, isWeight);
};

const isWeight = (weight: unknown): boolean => {
  const { name, shape, dtype, quantization } = asRecord(weight) ?? {};
  const isSize = (d: unknown) => Number.isInteger(d) && (d as number) >= 0;
  const isQuantization = quantization === undefined || typeof asRecord(quantization)?.dtype === 'string';
  return typeof name === 'string' && typeof dtype === 'string' && isList(shape, isSize) && isQuantization;
};

/** The bytes of a group of weights, which are in one or several files. */
async function readGroup({ paths, weights }: Group, model: string): Promise<Buffer> {
  for (const path of paths) refuseOutside(path, model);
  const files = paths.map((path) => join(dirname(model), path));
  const bytes = Buffer.concat(await Promise.all(files.map(read)));
  const strings = weights.some(({ dtype }) => dtype === 'string');
  const expected = weights.reduce((sum, weight) => sum + bytesOf(weight, model), 0);
  if (strings ? bytes.length < expected : bytes.length !== expected) {
    const reason = bytes.length < expected ? 'cut short' : 'of another model';
    throw new Failure(`${files.join(' + ')}: ${bytes.length} bytes, ${expected} were expected: it is ${reason}`);
  }
  return bytes;
}

function refuseOutside(path: string, model: string): void {
  const portable = path.replaceAll('\\', '/');
  const elsewhere = isAbsolute(path) || /^([a-z]:|\/)/i.test(portable) || /^[a-z]+:\/\//i.test(path);
  if (!elsewhere && !normalize(portable).startsWith('..')) return;
  throw new Failure(
    `${model}: its weights are in ${path}; move them beside model.json, and name them there by file name`,
  );
}

const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, float16: 2, uint16: 2, uint8: 1, bool: 1 };

/** The bytes of a weight; of strings, which have any length, the least that they take. */
function bytesOf({ name, shape, dtype, quantization }: io.WeightsManifestEntry, model: string): number {
  if (dtype === 'string') return 4 * product(shape);
  if (dtype === 'complex64') throw new Failure(`${model}: weight ${name} is complex; ONNX has no such numbers`);
  const stored = quantization?.dtype ?? dtype;
  const each = BYTES[stored];
  const expected = 'float32, int32, bool, or quantized as float16, uint16, uint8';
  if (each === undefined) throw new Failure(`${model}: weight ${name} is of type ${stored}; ${expected} was expected`);
  return each * product(shape);
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileFailure(error, path);
  }
}

export const asRecord = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

const isList = (value: unknown, isElement: (element: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.every(isElement);
