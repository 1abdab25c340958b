import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { z } from 'zod';
import { sha256 } from '../io/digest.ts';
import { fileError, InputError, ignoreMissing } from '../io/errors.ts';
import { CHECKPOINT_FORMAT, type RunState, runState } from './run.ts';

/** Contents of files by name. */
export type Files = Readonly<Record<string, Uint8Array>>;

/** A float32 tensor of a file. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A checkpoint in memory. */
export interface Checkpoint {
  readonly state: RunState;
  /** By the names of the variables: `encoder/conv1/kernel`, `optimizer/3`. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** A tfjs variable and its name in checkpoints. */
interface CheckpointVariable {
  readonly name: string;
  readonly variable: tf.Variable;
}

/** What a checkpoint saves besides the state of the run; a `TrainingProgram` has it. */
interface CheckpointContent {
  readonly autoencoder: { readonly encoder: LayersModel; readonly decoder: LayersModel };
  readonly optimizerState: readonly CheckpointVariable[];
}

const CHECKSUMS = 'SHA256SUMS';
const FILES = [
  'decoder/model.json',
  'decoder/weights.bin',
  'encoder/model.json',
  'encoder/weights.bin',
  'optimizer.bin',
  'optimizer.json',
  'state.json',
];

const weightSpecs = z.array(
  z.object({ name: z.string(), shape: z.array(z.int().min(0)), dtype: z.literal('float32') }),
);
const modelDescription = z.object({
  modelTopology: z.record(z.string(), z.unknown()),
  weightsManifest: z.tuple([z.object({ paths: z.tuple([z.literal('weights.bin')]), weights: weightSpecs })]),
});
const variablesDescription = z.object({ weights: weightSpecs });

/**
 * The files of a checkpoint: both models in tfjs-layers format (`model.json` and `weights.bin`), the optimizer's variables
 * likewise, `state.json`, and `SHA256SUMS` of them all, which `sha256sum -c` reads. Equal states give equal bytes.
 */
export async function checkpointFiles(
  { autoencoder: { encoder, decoder }, optimizerState }: CheckpointContent,
  state: RunState,
): Promise<Files> {
  const { data, specs } = await tf.io.encodeWeights(
    optimizerState.map(({ name, variable }) => ({ name, tensor: variable })),
  );
  const files: Record<string, Uint8Array> = {
    ...(await modelFiles('encoder', encoder)),
    ...(await modelFiles('decoder', decoder)),
    'optimizer.json': toJson({ weights: specs }),
    'optimizer.bin': new Uint8Array(data),
    'state.json': toJson(runState.parse(state)),
  };
  const sums = Object.entries(files).map(([file, content]) => `${sha256(content)}  ${file}\n`);
  return { ...files, [CHECKSUMS]: Buffer.from(sums.join('')) };
}

async function modelFiles(folder: string, model: LayersModel): Promise<Files> {
  const files: Record<string, Uint8Array> = {};
  await model.save({
    async save({ weightSpecs = [], weightData, ...description }) {
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
      files[`${folder}/model.json`] = toJson({ ...description, weightsManifest });
      files[`${folder}/weights.bin`] = new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  return files;
}

const toJson = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, undefined, 1)}\n`);

/**
 * Reads a checkpoint folder and verifies every byte of it.
 * @throws InputError when a file is missing, damaged or of an unknown version
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const read = async (file: string): Promise<Uint8Array> => {
    const data = await readFile(join(folder, file))
      .catch(ignoreMissing)
      .catch((error: unknown) => {
        throw fileError(error, `cannot read ${join(folder, file)}`);
      });
    if (!data) throw damaged(folder, file, 'it is missing');
    return data;
  };
  checkVersion(await read('state.json'), folder);
  const files: Record<string, Uint8Array> = {};
  for (const [file, sum] of checksums(await read(CHECKSUMS), folder)) {
    const data = await read(file);
    if (sha256(data) !== sum) {
      throw damaged(folder, file, `its content (${data.byteLength} bytes) does not match ${CHECKSUMS}`);
    }
    files[file] = data;
  }
  const parts = new CheckpointFiles(folder, files);
  const tensors = new Map(parts.tensors(parts.json(variablesDescription, 'optimizer.json').weights, 'optimizer.bin'));
  for (const part of ['encoder', 'decoder']) {
    const [{ weights }] = parts.json(modelDescription, `${part}/model.json`).weightsManifest;
    for (const [name, tensor] of parts.tensors(weights, `${part}/weights.bin`)) tensors.set(`${part}/${name}`, tensor);
  }
  return { state: parts.json(runState, 'state.json'), tensors };
}

/**
 * Assigns a checkpoint's values to variables.
 * @param folder name of the checkpoint in messages
 * @throws InputError when the checkpoint lacks a variable or has it in another shape
 */
export function restore(variables: readonly CheckpointVariable[], { tensors }: Checkpoint, folder: string): void {
  for (const { name, variable } of variables) {
    const stored = tensors.get(name);
    const found = stored ? `[${stored.shape}]` : 'nothing';
    if (!stored || found !== `[${variable.shape}]`) {
      throw new InputError(
        `${folder}: ${name} should be of shape [${variable.shape}], the checkpoint has ${found}; was it made by another version of the model? Train again into another run folder`,
      );
    }
    tf.tidy(() => {
      variable.assign(tf.tensor(stored.values, variable.shape, 'float32'));
    });
  }
}

const damaged = (folder: string, file: string, reason: string) =>
  new InputError(
    `${join(folder, file)}: ${reason}; the checkpoint cannot be used: delete the run folder and train again, or train into another one`,
  );

/** Refuses another version, which may have other files, before any file is called missing or damaged. */
function checkVersion(stateJson: Uint8Array, folder: string): void {
  let format: number;
  try {
    ({ format } = z.object({ format: z.int() }).parse(JSON.parse(Buffer.from(stateJson).toString('utf8'))));
  } catch {
    return; // damaged, which the checksums will show
  }
  if (format !== CHECKPOINT_FORMAT) {
    throw new InputError(
      `${join(folder, 'state.json')}: checkpoint format ${format} is unknown, this version reads format ${CHECKPOINT_FORMAT}; use the version of convae that wrote it, or train again into another run folder`,
    );
  }
}

/** SHA-256 by file name. */
function checksums(list: Uint8Array, folder: string): Map<string, string> {
  const text = Buffer.from(list).toString('latin1');
  const lines = [...text.matchAll(/^([0-9a-f]{64}) {2}(.+)\n/gm)];
  const sums = new Map(lines.map(([, sum = '', file = '']) => [file, sum]));
  const complete =
    sums.size === lines.length &&
    [...sums.keys()].sort().join() === FILES.join() &&
    lines.map(([line]) => line).join('') === text;
  if (!complete) throw damaged(folder, CHECKSUMS, `it does not list the ${FILES.length} files of a checkpoint`);
  return sums;
}

/** The files of a checkpoint whose checksums are right. */
class CheckpointFiles {
  readonly #folder: string;
  readonly #files: Files;

  constructor(folder: string, files: Files) {
    this.#folder = folder;
    this.#files = files;
  }

  json<T>(schema: z.core.$ZodType<T>, file: string): T {
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(this.#files[file] as Uint8Array).toString('utf8'));
    } catch (error) {
      throw damaged(this.#folder, file, `it is not JSON (${(error as Error).message.replaceAll('\n', ' ')})`);
    }
    const parsed = z.safeParse(schema, value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw damaged(this.#folder, file, `${issue?.path.join('.') || 'its content'}: ${issue?.message ?? 'unexpected'}`);
  }

  tensors(specs: z.infer<typeof weightSpecs>, file: string): Map<string, StoredTensor> {
    const data = this.#files[file] as Uint8Array;
    const lengths = specs.map(({ shape }) => shape.reduce((product, n) => product * n, 1));
    const expected = lengths.reduce((sum, n) => sum + n * Float32Array.BYTES_PER_ELEMENT, 0);
    if (data.byteLength !== expected) {
      throw damaged(this.#folder, file, `it has ${data.byteLength} bytes, ${expected} were expected`);
    }
    const values = new Float32Array(data.slice().buffer);
    let offset = 0;
    return new Map(
      specs.map(({ name, shape }, i) => {
        const start = offset;
        offset += lengths[i] as number;
        return [name, { shape, values: values.subarray(start, offset) }];
      }),
    );
  }
}
