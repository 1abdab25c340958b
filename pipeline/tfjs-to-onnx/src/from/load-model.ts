import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { io } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { Failure, fileFailure } from '../failure.ts';
import { product } from '../ir.ts';

/**
 * Loads a tfjs-layers model from disk: its model.json and the weight files named there.
 * @throws Failure naming the file that is missing, damaged or of another kind
 */
export async function loadModel(path: string): Promise<LayersModel> {
  const [tf, layers] = await libraries();
  const { modelTopology, manifest } = await readDescription(path);
  const weightData = Buffer.concat(await Promise.all(manifest.map((group) => readGroup(group, path))));
  const artifacts: io.ModelArtifacts = {
    modelTopology,
    weightSpecs: manifest.flatMap(({ weights }) => weights),
    weightData: weightData.buffer.slice(weightData.byteOffset, weightData.byteOffset + weightData.byteLength),
  };
  await tf.setBackend('cpu');
  try {
    return await layers.loadLayersModel({ load: async () => artifacts });
  } catch (error) {
    throw new Failure(`${path}: tfjs-layers cannot load it: ${error instanceof Error ? error.message : error}`);
  }
}

async function libraries() {
  try {
    const tf = await import('@tensorflow/tfjs-core');
    tf.enableProdMode();
    await import('@tensorflow/tfjs-backend-cpu');
    return [tf, await import('@tensorflow/tfjs-layers')] as const;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const packages = ['core', 'layers', 'backend-cpu'].map((name) => `@tensorflow/tfjs-${name}`).join(' ');
    throw new Failure(`a part of TensorFlow.js is not installed; run \`npm install ${packages}\``, 3);
  }
}

async function readDescription(path: string): Promise<{ modelTopology: object; manifest: Group[] }> {
  const text = await read(path);
  let description: unknown;
  try {
    description = JSON.parse(text.toString('utf8'), withoutInitializer);
  } catch (error) {
    throw new Failure(`${path}: it is not JSON (${(error as Error).message})`);
  }
  const { format, modelTopology, weightsManifest } = asRecord(description) ?? {};
  const topology = asRecord(modelTopology);
  if (format === 'graph-model' || Array.isArray(topology?.node)) {
    throw new Failure(`${path}: it is a GraphModel; only models saved by tfjs-layers or from Keras can be converted`);
  }
  if (!topology) throw new Failure(`${path}: it has no modelTopology; a model.json saved by tfjs-layers was expected`);
  if (!Array.isArray(weightsManifest)) {
    throw new Failure(`${path}: it has no weightsManifest that names its weight files`);
  }
  if (!weightsManifest.every(isGroup)) {
    const expected = 'paths, and weights with name, shape and dtype were expected';
    throw new Failure(`${path}: its weightsManifest is damaged; ${expected}`);
  }
  return { modelTopology: topology, manifest: weightsManifest };
}

/** Weights are loaded, so they need no initial values; some initializers are slow. */
const withoutInitializer = (key: string, value: unknown): unknown =>
  /initializer$/i.test(key) && value !== null ? { class_name: 'Zeros', config: {} } : value;

type Group = io.WeightsManifestConfig[number];

const isGroup = (group: unknown): group is Group => {
  const { paths, weights } = asRecord(group) ?? {};
  return isList(paths, (one) => typeof one === 'string') && isList(weights, isWeight);
};

const isWeight = (weight: unknown): boolean => {
  const { name, shape, dtype } = asRecord(weight) ?? {};
  const isSize = (d: unknown) => Number.isInteger(d) && (d as number) >= 0;
  return typeof name === 'string' && typeof dtype === 'string' && isList(shape, isSize);
};

/** The bytes of a group of weights, which are in one or several files. */
async function readGroup({ paths, weights }: Group, model: string): Promise<Buffer> {
  const files = paths.map((path) => join(dirname(model), path));
  const bytes = Buffer.concat(await Promise.all(files.map(read)));
  const expected = weights.reduce((sum, weight) => sum + bytesOf(weight, model), 0);
  if (bytes.length !== expected) {
    const reason = bytes.length < expected ? 'cut short' : 'of another model';
    throw new Failure(`${files.join(' + ')}: ${bytes.length} bytes, ${expected} were expected: it is ${reason}`);
  }
  return bytes;
}

const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, float16: 2, uint16: 2, uint8: 1, bool: 1 };

function bytesOf({ name, shape, dtype, quantization }: io.WeightsManifestEntry, model: string): number {
  const each = BYTES[quantization?.dtype ?? dtype];
  if (each === undefined) throw new Failure(`${model}: weight ${name} is of type ${dtype}, which layers do not have`);
  return each * product(shape);
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileFailure(error, path);
  }
}

const asRecord = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

const isList = (value: unknown, isElement: (element: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.every(isElement);
