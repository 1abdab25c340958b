import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { fileError, InputError } from '../io/errors.ts';
import type { NamedVariable, TrainingProgram } from '../train/program.ts';
import {
  type Damaged,
  type Files,
  fromJson,
  modelFiles,
  readModel,
  readVariables,
  type StoredTensor,
  toJson,
  variableFiles,
} from './layers-format.ts';
import { CHECKPOINT_FORMAT, type RunState, runState } from './run.ts';

const CHECKSUMS = 'SHA256SUMS';

/** A checkpoint in memory. */
export interface Checkpoint {
  readonly state: RunState;
  /** By the names of `TrainingProgram.weights` and `.optimizerState`. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * Everything of a checkpoint as files: both models in tfjs-layers format, the optimizer, `state.json`, and `SHA256SUMS`
 * over them all (`sha256sum -c` reads it). The same state gives the same bytes.
 */
export async function checkpointFiles(program: TrainingProgram, state: RunState): Promise<Files> {
  const { encoder, decoder } = program.autoencoder;
  const files: Record<string, Uint8Array> = {};
  for (const [part, model] of Object.entries({ encoder, decoder })) {
    for (const [file, data] of Object.entries(await modelFiles(model))) files[`${part}/${file}`] = data;
  }
  Object.assign(files, await variableFiles('optimizer', program.optimizerState));
  files['state.json'] = toJson(runState.parse(state));
  files[CHECKSUMS] = Buffer.from(
    Object.entries(files)
      .map(([file, data]) => `${sha256(data)}  ${file}\n`)
      .join(''),
  );
  return files;
}

/**
 * Reads a checkpoint folder and checks every byte of it.
 * @throws InputError when a file is missing, damaged or of an unknown version
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const damaged: Damaged = (file, reason) =>
    new InputError(
      `${join(folder, file)}: ${reason}; the checkpoint cannot be used: delete the run folder and train again, or train into another one`,
    );
  const read = async (file: string): Promise<Uint8Array> => {
    try {
      return await readFile(join(folder, file));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw damaged(file, 'it is missing');
      throw fileError(error, `cannot read ${join(folder, file)}`);
    }
  };
  const stateJson = await read('state.json');
  checkVersion(stateJson, folder);
  const files: Record<string, Uint8Array> = {};
  for (const [file, sum] of checksums(await read(CHECKSUMS), damaged)) {
    const data = await read(file);
    if (sha256(data) !== sum) throw damaged(file, `its content (${data.byteLength} bytes) does not match ${CHECKSUMS}`);
    files[file] = data;
  }
  const state = fromJson(runState, 'state.json', files, damaged);
  const tensors = new Map(readVariables('optimizer', files, damaged));
  for (const part of ['encoder', 'decoder']) {
    for (const [name, tensor] of readModel(part, files, damaged)) tensors.set(`${part}/${name}`, tensor);
  }
  return { state, tensors };
}

/**
 * Sets variables to what a checkpoint holds for them.
 * @param folder what messages call the checkpoint
 * @throws InputError when the checkpoint lacks one or has it in another shape
 */
export function restore(variables: readonly NamedVariable[], { tensors }: Checkpoint, folder: string): void {
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

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** Another version may have other files: that is said before anything is called missing or damaged. */
function checkVersion(stateJson: Uint8Array, folder: string): void {
  const version = z.object({ format: z.int() });
  let format: number;
  try {
    format = version.parse(JSON.parse(Buffer.from(stateJson).toString('utf8'))).format;
  } catch {
    return; // damaged, which the checksums will tell
  }
  if (format !== CHECKPOINT_FORMAT) {
    throw new InputError(
      `${join(folder, 'state.json')}: checkpoint format ${format} is unknown, this version reads format ${CHECKPOINT_FORMAT}; use the version of convae that wrote it, or train again into another run folder`,
    );
  }
}

const LISTED = [
  'encoder/model.json',
  'encoder/weights.bin',
  'decoder/model.json',
  'decoder/weights.bin',
  'optimizer.json',
  'optimizer.bin',
  'state.json',
].sort();

/** SHA-256 by file name. */
function checksums(list: Uint8Array, damaged: Damaged): Map<string, string> {
  const text = Buffer.from(list).toString('latin1');
  const lines = [...text.matchAll(/^([0-9a-f]{64}) {2}(.+)\n/gm)];
  const sums = new Map(lines.map(([, sum = '', file = '']) => [file, sum]));
  const complete =
    sums.size === lines.length &&
    [...sums.keys()].sort().join() === LISTED.join() &&
    lines.map(([line]) => line).join('') === text;
  if (!complete) throw damaged(CHECKSUMS, `it does not list the ${LISTED.length} files of a checkpoint`);
  return sums;
}
