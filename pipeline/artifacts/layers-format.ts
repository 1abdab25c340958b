import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { z } from 'zod';
import type { NamedVariable } from '../train/program.ts';

/** Models as tfjs-layers stores them, `model.json` (topology, list of weights) and `weights.bin`; variables likewise. */

/** A float32 tensor as it lies in a file. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** File names and what is in them. */
export type Files = Readonly<Record<string, Uint8Array>>;

/** Makes the error for a file that cannot be what it should; the reason is a clause. */
export type Damaged = (file: string, reason: string) => Error;

const weightSpecs = z.array(
  z.object({ name: z.string(), shape: z.array(z.int().min(0)), dtype: z.literal('float32') }),
);
const modelDescription = z.object({
  modelTopology: z.record(z.string(), z.unknown()),
  weightsManifest: z.tuple([z.object({ paths: z.tuple([z.literal('weights.bin')]), weights: weightSpecs })]),
});
const variablesDescription = z.object({ weights: weightSpecs });

/** The two files of a model; equal weights give equal bytes. */
export async function modelFiles(model: LayersModel): Promise<Files> {
  const files: Record<string, Uint8Array> = {};
  await model.save({
    async save({ weightSpecs = [], weightData, ...description }) {
      files['model.json'] = toJson({
        ...description,
        weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }],
      });
      files['weights.bin'] = new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  return files;
}

/** The two files of a list of variables, `<name>.json` and `<name>.bin`. */
export async function variableFiles(name: string, variables: readonly NamedVariable[]): Promise<Files> {
  const { data, specs } = await tf.io.encodeWeights(
    variables.map((entry) => ({ name: entry.name, tensor: entry.variable })),
  );
  return { [`${name}.json`]: toJson({ weights: specs }), [`${name}.bin`]: new Uint8Array(data) };
}

/** The weights in a model's two files, by name. */
export function readModel(folder: string, files: Files, damaged: Damaged): Map<string, StoredTensor> {
  const json = `${folder}/model.json`;
  const { weightsManifest } = fromJson(modelDescription, json, files, damaged);
  return tensorsOf(weightsManifest[0].weights, `${folder}/weights.bin`, files, damaged);
}

/** The variables in the two files of `variableFiles`, by name. */
export function readVariables(name: string, files: Files, damaged: Damaged): Map<string, StoredTensor> {
  const { weights } = fromJson(variablesDescription, `${name}.json`, files, damaged);
  return tensorsOf(weights, `${name}.bin`, files, damaged);
}

/** What a JSON file says, checked. */
export function fromJson<T>(schema: z.ZodType<T>, file: string, files: Files, damaged: Damaged): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(fileNamed(file, files, damaged)).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(file, `it is not JSON (${error.message.replaceAll('\n', ' ')})`);
    throw error;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw damaged(file, `${issue?.path.join('.') || 'its content'}: ${issue?.message ?? 'unexpected'}`);
}

export const toJson = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, undefined, 1)}\n`);

function fileNamed(file: string, files: Files, damaged: Damaged): Uint8Array {
  const data = files[file];
  if (!data) throw damaged(file, 'it is missing');
  return data;
}

function tensorsOf(specs: z.infer<typeof weightSpecs>, file: string, files: Files, damaged: Damaged) {
  const data = fileNamed(file, files, damaged);
  const lengths = specs.map(({ shape }) => shape.reduce((product, n) => product * n, 1));
  const expected = lengths.reduce((sum, n) => sum + n * Float32Array.BYTES_PER_ELEMENT, 0);
  if (data.byteLength !== expected) throw damaged(file, `it has ${data.byteLength} bytes, ${expected} were expected`);
  const values = new Float32Array(data.slice().buffer);
  const tensors = new Map<string, StoredTensor>();
  let offset = 0;
  specs.forEach(({ name, shape }, i) => {
    const length = lengths[i] as number;
    tensors.set(name, { shape, values: values.subarray(offset, offset + length) });
    offset += length;
  });
  return tensors;
}
