import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { io } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { Failure, fileFailure } from '../failure.ts';
import { product } from '../ir.ts';
import type { ConvertibleGraphModel } from './graph-model.ts';
import { nodesOf } from './graph-nodes.ts';
import { readModelFiles } from './model-files.ts';
import { faultOfLayers, faultOfNodes } from './topology.ts';

export type LoadedModel =
  | { readonly kind: 'layers'; readonly model: LayersModel }
  | { readonly kind: 'graph'; readonly model: ConvertibleGraphModel };

/**
 * Loads a model from disk: its model.json and the weight files named there.
 * @param register JavaScript files that register layers or operations that tfjs does not have
 * @throws Failure naming the file that is missing, damaged or of another kind
 */
export async function loadModel(path: string, register: readonly string[] = []): Promise<LoadedModel> {
  const { kind, artifacts } = await readModelFiles(path);
  const { weightSpecs = [], modelTopology } = artifacts;
  const numbers = weightSpecs.reduce((sum, { shape }) => sum + product(shape), 0);
  const fault = kind === 'graph' ? faultOfNodes(modelTopology) : faultOfLayers(modelTopology, numbers);
  if (fault) throw new Failure(`${path}: ${fault}`);
  const tf = await core();
  const layers = kind === 'layers' || register.length > 0 ? await layersPackage() : undefined;
  const converter = kind === 'graph' || register.length > 0 ? await converterPackage() : undefined;
  await tf.setBackend('cpu');
  for (const file of register) await runRegistration(file, { tf, layers, converter });
  if (kind === 'layers') return { kind, model: await loadLayers(path, artifacts) };
  return { kind, model: await loadGraph(path, artifacts) };
}

async function loadLayers(path: string, artifacts: io.ModelArtifacts): Promise<LayersModel> {
  const { loadLayersModel } = await layersPackage();
  try {
    return await loadLayersModel({ load: async () => artifacts });
  } catch (error) {
    const reason = messageOf(error);
    const [, unknown] = /Unknown layer: (\S+?)\.? /.exec(`${reason} `) ?? [];
    if (unknown) throw new Failure(`${path}: tfjs has no layer ${unknown}; register its class (--register FILE.js)`);
    throw new Failure(`${path}: tfjs-layers cannot load it: ${reason}`);
  }
}

async function loadGraph(path: string, artifacts: io.ModelArtifacts): Promise<ConvertibleGraphModel> {
  const { loadGraphModel } = await converterPackage();
  try {
    const model = await loadGraphModel({ load: async () => artifacts });
    const unknown = nodesOf(model).find(({ category }) => category === undefined);
    if (unknown) {
      const { name, op } = unknown;
      throw new Error(
        `node ${name} is of the operation ${op}, which it does not have; register it (--register FILE.js)`,
      );
    }
    return model as ConvertibleGraphModel;
  } catch (error) {
    throw new Failure(`${path}: tfjs-converter cannot load it: ${messageOf(error)}`);
  }
}

/**
 * Runs a file of the user's. It registers by itself, with the packages that it imports, or its default export is a
 * function that is given them.
 */
async function runRegistration(file: string, packages: object): Promise<void> {
  try {
    const { default: register } = await import(pathToFileURL(resolve(file)).href);
    if (typeof register === 'function') await register(packages);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') throw fileFailureOf(error, file);
    throw new Failure(`${file}: it failed: ${messageOf(error)}`);
  }
}

const fileFailureOf = (error: unknown, file: string): unknown => {
  const missing = (error as Error).message.includes(resolve(file));
  if (missing) return fileFailure(Object.assign(new Error(), { code: 'ENOENT' }), file);
  return new Failure(`${file}: ${messageOf(error)}`);
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function core() {
  const tf = await installed('core', () => import('@tensorflow/tfjs-core'));
  tf.enableProdMode();
  await installed('backend-cpu', () => import('@tensorflow/tfjs-backend-cpu'));
  return tf;
}

const layersPackage = () => installed('layers', () => import('@tensorflow/tfjs-layers'));
const converterPackage = () => installed('converter', () => import('@tensorflow/tfjs-converter'));

/** @throws Failure with the line that installs the package */
async function installed<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Failure(`@tensorflow/tfjs-${name} is not installed; run \`npm install @tensorflow/tfjs-${name}\``, 3);
  }
}
