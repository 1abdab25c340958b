import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync } from 'hyparquet';
import {
  ENCODING_PLAN_FORMAT,
  type EncodedShard,
  type EncodingInput,
  type EncodingPlan,
  encodedShard,
  encodingInput,
  encodingPlan,
} from '../artifacts/encoding-plan.ts';
import { formatOf, parseJson, parseSealed } from '../artifacts/json.ts';
import { codeOf, fileError, InputError, isFault, withFileErrors } from '../io/errors.ts';
import { quoted } from '../io/printable.ts';
import { openFile } from '../io/source.ts';

/** Digits of a shard's number in file names. */
const DIGITS = 5;

/** `part-00042`. */
export const shardName = (shard: number): string => `part-${String(shard).padStart(DIGITS, '0')}`;

/** Number of the shard that a file is of. */
export const shardOf = (file: string): number => Number(/^part-(\d+)\./.exec(file)?.[1] ?? Number.NaN);

/** Paths in a folder of encoding by shards. */
export const shardPaths = (folder: string) => ({
  plan: join(folder, 'plan.json'),
  /** A line for each input of each shard. */
  inputs: join(folder, 'inputs.jsonl'),
  /** Encoded shards: a file that is there is whole. */
  parts: join(folder, 'parts'),
  part: (shard: number) => join(folder, 'parts', `${shardName(shard)}.parquet`),
  /** Images that could not be read, a line each, of shards that have some. */
  skipped: join(folder, 'skipped'),
  skippedOf: (shard: number) => join(folder, 'skipped', `${shardName(shard)}.jsonl`),
  /** A file for each process that encodes a shard. */
  running: join(folder, 'running'),
  failed: join(folder, 'failed'),
  failure: (shard: number) => join(folder, 'failed', `${shardName(shard)}.json`),
});

export const isPlanned = (folder: string): boolean => existsSync(shardPaths(folder).plan);

/** @throws InputError when there is no plan, or it is damaged or of a newer version */
export async function readPlan(folder: string): Promise<EncodingPlan> {
  const path = shardPaths(folder).plan;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw fileError(error, `cannot read ${path}`);
    throw new InputError(
      `${folder}: it has no plan.json; plan with \`convae encode EXPORTED --data DATA --out ${quoted(folder)} --shards N\``,
    );
  });
  const format = formatOf(text) ?? ENCODING_PLAN_FORMAT;
  if (format > ENCODING_PLAN_FORMAT) {
    throw new InputError(
      `${path}: plan format ${format} is newer than this version of convae, which reads formats up to ${ENCODING_PLAN_FORMAT}; update convae`,
    );
  }
  return parseSealed(
    encodingPlan,
    text,
    (reason) => new InputError(`${path}: ${reason}; plan again into another folder`),
  );
}

/** The inputs of a shard. @throws InputError when they are damaged */
export async function readInputs(folder: string, { offsets }: EncodingPlan, shard: number): Promise<EncodingInput[]> {
  const path = shardPaths(folder).inputs;
  const [start, end] = [offsets[shard] as number, offsets[shard + 1] as number];
  const file = await openFile(path);
  const bytes = Buffer.alloc(end - start);
  await file.read(bytes, start).finally(() => file.close());
  const lines = bytes.toString('utf8').split('\n');
  const refuse = (reason: string) => new InputError(`${path}: ${reason}; plan again into another folder`);
  if (lines.pop() !== '') throw refuse('it is damaged');
  return lines.map((line) => parseSealed(encodingInput, line, refuse));
}

/** An encoded shard, and the metadata of its file. */
export interface ReadShard {
  readonly about: EncodedShard;
  readonly metadata: FileMetaData;
  /** Bytes before the metadata. */
  readonly body: number;
}

/**
 * Reads the metadata of a shard's file.
 * @throws InputError when it is missing, damaged, or of another plan
 */
export async function readShard(folder: string, { fingerprint }: EncodingPlan, shard: number): Promise<ReadShard> {
  const path = shardPaths(folder).part(shard);
  const buffer = await withFileErrors(`cannot read ${path}`, () => asyncBufferFromFile(path));
  const metadata = await parquetMetadataAsync(buffer).catch((cause: Error) => {
    if (isFault(cause)) throw fileError(cause, `cannot read ${path}`);
    throw new InputError(`${path}: it is damaged (${cause.message}); delete it and encode shard ${shard} again`, {
      cause,
    });
  });
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'convae')?.value ?? '';
  const refuse = (reason: string) =>
    new InputError(`${path}: its metadata: ${reason}; delete it and encode shard ${shard} again`);
  const about = parseJson(encodedShard, text, refuse);
  if (about.plan !== fingerprint || about.shard !== shard) {
    throw new InputError(
      `${path}: it is shard ${about.shard} of another plan (${about.plan.slice(0, 8)}, this is ${fingerprint.slice(0, 8)}); delete it and encode shard ${shard} again`,
    );
  }
  return { about, metadata, body: buffer.byteLength - metadata.metadata_length - 8 };
}
