import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { z } from 'zod';
import { sha256 } from '../io/digest.ts';
import { InputError, ignoreMissing, withFileErrors } from '../io/errors.ts';
import { formatOf, parseJson } from './json.ts';
import { CHECKPOINT_FORMAT, type RunState, runState } from './run.ts';

/** Contents of files by name. */
export type Files = Readonly<Record<string, Uint8Array>>;

/** A checkpoint in memory. */
export interface Checkpoint {
  readonly state: RunState;
  /** Of its `SHA256SUMS`, and so of everything in it. */
  readonly sha256: string;
  /** What the files say of the models' layers: tfjs-layers' `config`, as `toJSON` gives it. */
  readonly layers: { readonly encoder: unknown; readonly decoder: unknown };
  /** float32, by the names of the variables: `encoder/conv1/kernel`, `optimizer/3`. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
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
/** A line of `SHA256SUMS`: 64 digits, two spaces and the file's name. */
const sumLine = (file: string, content: Uint8Array) => `${sha256(content)}  ${file}`;
const DIGEST_AND_SPACES = 66;
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
  modelTopology: z.object({ config: z.unknown() }),
  weightsManifest: z.tuple([z.object({ paths: z.tuple([z.literal('weights.bin')]), weights: weightSpecs })]),
});

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
  const sums = Object.entries(files).map(([file, content]) => `${sumLine(file, content)}\n`);
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

/** A checkpoint that is damaged. */
export class DamagedCheckpoint extends InputError {
  readonly reason: string;

  /** @param reason names the file; @param remedy what to do, as an imperative */
  constructor(reason: string, remedy = 'delete the run folder and train again, or train into another one') {
    super(`${reason}; the checkpoint cannot be used: ${remedy}`);
    this.reason = reason;
  }
}

/**
 * Reads a checkpoint folder and verifies every byte of it.
 * @throws DamagedCheckpoint when a file is missing or damaged; InputError when it is of an unknown version
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const damaged = (file: string, reason: string) => new DamagedCheckpoint(`${join(folder, file)}: ${reason}`);
  const read = async (file: string): Promise<Buffer> => {
    const path = join(folder, file);
    const data = await withFileErrors(`cannot read ${path}`, () => readFile(path).catch(ignoreMissing));
    if (!data) throw damaged(file, 'it is missing');
    return data;
  };
  // Another version may have other files: it is refused before any file is called missing or damaged.
  const format = formatOf(String(await read('state.json'))) ?? CHECKPOINT_FORMAT;
  if (!(format >= 1 && format <= CHECKPOINT_FORMAT)) {
    throw new InputError(
      `${join(folder, 'state.json')}: checkpoint format ${format} is unknown, this version reads formats up to ${CHECKPOINT_FORMAT}; use the version of convae that wrote it, or train again into another run folder`,
    );
  }
  const list = await read(CHECKSUMS);
  const sums = list.toString('latin1').split('\n');
  const end = sums.pop();
  const listed = sums.map((line) => line.slice(DIGEST_AND_SPACES));
  if (end !== '' || listed.sort().join() !== FILES.join()) {
    throw damaged(CHECKSUMS, `it does not list the ${FILES.length} files of a checkpoint`);
  }
  const contents = new Map<string, Buffer>();
  for (const file of FILES) {
    const data = await read(file);
    if (!sums.includes(sumLine(file, data))) {
      throw damaged(file, `its content (${data.byteLength} bytes) does not match ${CHECKSUMS}`);
    }
    contents.set(file, data);
  }
  const json = <T>(schema: z.core.$ZodType<T>, file: string): T =>
    parseJson(schema, String(contents.get(file)), (reason) => damaged(file, reason));
  /** Divides a file among the tensors that it contains, by name. */
  const tensors = (specs: z.infer<typeof weightSpecs>, file: string) => {
    const data = new Uint8Array(contents.get(file) as Buffer);
    const lengths = specs.map(({ shape }) => shape.reduce((product, n) => product * n, 1));
    const expected = 4 * lengths.reduce((sum, n) => sum + n, 0);
    if (data.length !== expected) throw damaged(file, `it has ${data.length} bytes, ${expected} were expected`);
    let end = 0;
    return specs.map(({ name, shape }, i) => {
      const start = end;
      end += 4 * (lengths[i] as number);
      return [name, { shape, values: new Float32Array(data.buffer, start, lengths[i]) }] as const;
    });
  };
  const description = (part: string) => json(modelDescription, `${part}/model.json`);
  const [encoder, decoder] = [description('encoder'), description('decoder')];
  const weightsOf = (part: string, { weightsManifest: [{ weights }] }: typeof encoder) =>
    tensors(weights, `${part}/weights.bin`).map(([name, tensor]) => [`${part}/${name}`, tensor] as const);
  return {
    state: json(runState, 'state.json'),
    sha256: sha256(list),
    layers: { encoder: encoder.modelTopology.config, decoder: decoder.modelTopology.config },
    tensors: new Map([
      ...tensors(json(z.object({ weights: weightSpecs }), 'optimizer.json').weights, 'optimizer.bin'),
      ...weightsOf('encoder', encoder),
      ...weightsOf('decoder', decoder),
    ]),
  };
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
