import { existsSync } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { judgeOf } from '../analyse/outlier-score.ts';
import type { EncodingPlan } from '../artifacts/encoding-plan.ts';
import type { SkippedImage } from '../artifacts/image-index.ts';
import { onClipped, onFrames } from '../data/facts.ts';
import { openShard, type ShardImages } from '../data/shard-images.ts';
import { checkLabelling, type ExportedModel, openExported, optionsFor } from '../inference/exported.ts';
import { type CommandOptions, encodingGraphs } from '../inference/plan.ts';
import { checkFinite, type Sessions, withSessions } from '../inference/sessions.ts';
import { InputError, Interrupted, stopIfAborted, withFileErrors } from '../io/errors.ts';
import { makeFolder } from '../io/folders.ts';
import { version } from '../io/installation.ts';
import { counted } from '../io/printable.ts';
import { publishFile } from '../io/publish.ts';
import { sealed } from '../io/sealed.ts';
import { assignedOf } from './assigned.ts';
import { aboutLatents } from './encode.ts';
import { largeGroupRows, parquetWriter } from './parquet.ts';
import { digestsOf } from './plan-shards.ts';
import { showRunning } from './running-shard.ts';
import { readInputs, readPlan, readShard, shardPaths } from './shard-files.ts';

export interface EncodeShardsOptions extends Omit<CommandOptions, 'exported'> {
  /** Folder of the exported model, where it is not the plan's. */
  readonly exported?: string | undefined;
  /** Which shards to encode, given how many there are. */
  readonly choose: (shards: number) => readonly number[];
}

export interface EncodedShards {
  readonly out: string;
  /** Shards that were encoded, and that were there already. */
  readonly encoded: number;
  readonly present: number;
  readonly rows: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/**
 * Encodes shards of a plan, see `planShards`. A shard's file appears whole or not at all; one that is there is left as it is. Several
 * processes may encode the same shard: each publishes the same rows. Where one of several shards fails, the others are encoded.
 * @param options `out` is the folder of the plan
 * @throws InputError when there is no such plan or shard, the model is another one, or a shard failed; EnvironmentError; Interrupted
 */
export async function encodeShards(options: EncodeShardsOptions): Promise<EncodedShards> {
  const { out, choose, signal } = options;
  const began = performance.now();
  const plan = await readPlan(out);
  const chosen = choose(plan.shards);
  const model = await openPlanned(options.exported ?? plan.exported, plan);
  const missing: number[] = [];
  for (const shard of chosen) if (!(await isThere(out, plan, shard))) missing.push(shard);
  const result = { rows: 0, skipped: 0, encoded: 0 };
  const failures: [shard: number, error: InputError][] = [];
  const images = plan.images ?? Number.POSITIVE_INFINITY; // as many workers as for the whole, whose results must be the same
  const work = async (sessions: Sessions) => {
    const progress = progressOf(plan, missing, options);
    for (const shard of missing) {
      stopIfAborted(signal);
      try {
        const { rows, skipped } = await encodeShard(shard, { ...options, plan, model, sessions, progress });
        result.rows += rows;
        result.skipped += skipped;
        result.encoded++;
      } catch (error) {
        if (!(error instanceof Interrupted)) await noteFailure(out, shard, error);
        if (!(error instanceof InputError) || missing.length === 1) throw error;
        failures.push([shard, error]);
      }
    }
  };
  const { batchSize = plan.batchSize } = options;
  const graphs = encodingGraphs(plan.errors);
  if (missing.length > 0) await withSessions(model, { ...options, graphs, images, batchSize }, work);
  const [first] = failures;
  if (first)
    throw new InputError(
      `${out}: ${failures.length} of ${counted(missing.length, 'shard')} failed; shard ${first[0]}: ${first[1].message}`,
    );
  const seconds = (performance.now() - began) / 1000;
  const { rows } = result;
  return { out, ...result, present: chosen.length - missing.length, seconds, imagesPerSecond: rows / seconds };
}

/** Opens the model of a plan. @throws InputError when the folder has another one */
export async function openPlanned(folder: string, plan: EncodingPlan): Promise<ExportedModel> {
  const model = await openExported(folder);
  const found = await digestsOf(model);
  if (Object.entries(plan.model).every(([file, digest]) => found[file as keyof typeof found] === digest)) return model;
  throw new InputError(
    `${folder}: it is not the model that the shards were planned for; plan again into another folder`,
  );
}

/** Whether a shard is encoded; a damaged file is not. @throws InputError when it is of another plan */
async function isThere(folder: string, plan: EncodingPlan, shard: number): Promise<boolean> {
  if (!existsSync(shardPaths(folder).part(shard))) return false;
  return readShard(folder, plan, shard).then(
    () => true,
    (error: unknown) => {
      if (error instanceof InputError && error.cause) return false;
      throw error;
    },
  );
}

/** Reports progress over all shards of a process. */
function progressOf(plan: EncodingPlan, shards: readonly number[], { progress }: EncodeShardsOptions) {
  const { starts } = plan;
  const planned = starts && shards.reduce((sum, i) => sum + (starts[i + 1] as number) - (starts[i] as number), 0);
  let [before, total] = [0, 0];
  return {
    begin: (images: number) => {
      total += images;
    },
    update: (done: number) => progress?.(before + done, planned ?? total),
    end: (done: number) => {
      before += done;
    },
  };
}

interface ShardOptions extends Omit<EncodeShardsOptions, 'progress'> {
  readonly plan: EncodingPlan;
  readonly model: ExportedModel;
  readonly sessions: Sessions;
  readonly progress: ReturnType<typeof progressOf>;
}

async function encodeShard(shard: number, options: ShardOptions): Promise<{ rows: number; skipped: number }> {
  const { out, plan, model, dataOptions, note, progress } = options;
  const running = await showRunning(out, shard);
  let images: ShardImages | undefined;
  try {
    const inputs = await readInputs(out, plan, shard);
    const { card } = model;
    const reading = optionsFor(card, dataOptions);
    const { preprocessing } = reading;
    if (!preprocessing) throw new Error('an exported model says how images are prepared');
    const { source: spec, label, labelling, named, strict } = plan;
    const { mtimeMs: planned } = await withFileErrors(`cannot read ${out}`, () => stat(shardPaths(out).plan));
    images = await openShard(inputs, { ...reading, preprocessing, label, spec, planned, labelling, named, strict });
    checkLabelling(card, plan.data, images.labelling, plan.errors);
    running.begin(images.images);
    progress.begin(images.images);
    const { counts } = images;
    const skipped: SkippedImage[] = [];
    const limit = plan.images === null ? Number.POSITIVE_INFINITY : plan.maxSkipped * plan.images;
    const skip = (image: SkippedImage) => {
      skipped.push(image);
      if (skipped.length > limit) throw tooManySkipped(plan, skipped.length, skipped[0]);
    };
    const rows = await publishShard(shard, options, images, skip, skipped, () => {
      running.update(counts.done);
      progress.update(counts.done);
    });
    progress.end(counts.done);
    if (counts.animated > 0) note?.(`shard ${shard}: ${onFrames(counts.animated)}`);
    if (counts.clipped > 0) note?.(`shard ${shard}: ${onClipped(counts.clipped)}`);
    if (counts.later > 0)
      note?.(
        `shard ${shard}: ${counted(counts.later, 'image file')} changed or copied after the plan was made, of the same size; encoded as found`,
      );
    await withFileErrors(`cannot write ${out}`, () => rm(shardPaths(out).failure(shard), { force: true }));
    if (skipped.length > 0)
      note?.(
        `shard ${shard}: no row for ${counted(skipped.length, 'image')} that cannot be read, see ${shardPaths(out).skippedOf(shard)}`,
      );
    return { rows, skipped: skipped.length };
  } finally {
    await images?.close();
    await running.end();
  }
}

/** The refusal of data of which too many images cannot be read. */
export const tooManySkipped = (
  { data, maxSkipped, images }: EncodingPlan,
  count: number,
  first: SkippedImage | undefined,
) =>
  new InputError(
    `${data}: ${count}${images === null ? '' : ` of ${images}`} images cannot be read, the plan's --max-skipped ${maxSkipped} allows fewer: ${first?.file}: ${first?.reason}; repair or remove them, or plan again into another folder with a larger --max-skipped`,
  );

/** Encodes a shard into its file. @returns the number of rows */
async function publishShard(
  shard: number,
  { out, plan, model: { card }, sessions, signal }: ShardOptions,
  images: ShardImages,
  skip: (image: SkippedImage) => void,
  skipped: readonly SkippedImage[],
  tick: () => void,
): Promise<number> {
  const { labelling, measured, counts } = images;
  const { data, split, errors, fingerprint } = plan;
  const { size } = card.latent;
  const paths = shardPaths(out);
  let [rows, labelledRows] = [0, 0];
  const write = async (path: string) => {
    const classes = labelling.classes ?? undefined;
    const about = aboutLatents(card, {
      data,
      split,
      classes: labelling.classes,
      errors,
      skipped: [],
      skippedImages: 0,
    });
    const { labelled } = labelling;
    const judge = judgeOf(card, errors);
    const clusters = card.clusters !== undefined;
    const writer = parquetWriter(path, {
      ...{ size, errors, labelled, classes, judge, about, assigned: clusters },
      groupRows: largeGroupRows(size),
    });
    for await (const batch of sessions.encodeBatches(images.batches(sessions.batchSize, skip), {
      errors,
      clusters,
      signal,
    })) {
      checkFinite(batch, data, (row) => batch.ids[row]);
      await writer.write({ ...batch, assigned: assignedOf(card, batch.clusters) });
      rows += batch.count;
      for (const label of batch.labels ?? []) labelledRows += Number(label >= 0);
      tick();
    }
    const { brightest } = counts;
    const skippedImages = skipped.length;
    await writer.finish((digest) => ({
      plan: fingerprint,
      shard,
      ...{ labelling, measured },
      labelledRows,
      skippedImages,
      brightest,
      digest,
      version,
    }));
    const lines = skipped.map((image) => `${sealed(image)}\n`).join('');
    if (lines) await publishFile(paths.skippedOf(shard), (file) => writeFile(file, lines), { signal });
    else await rm(paths.skippedOf(shard), { force: true });
  };
  await publishFile(paths.part(shard), write, { signal });
  return rows;
}

/** Writes why a shard failed. A machine that cannot do that says so anyway. */
async function noteFailure(folder: string, shard: number, error: unknown): Promise<void> {
  const { failed, failure } = shardPaths(folder);
  const message = error instanceof Error ? error.message : String(error);
  const exitCode = error instanceof Error && 'exitCode' in error ? error.exitCode : 1;
  const text = sealed({ shard, host: hostname(), message, exitCode });
  await makeFolder(failed)
    .then(() => writeFile(failure(shard), text))
    .catch(() => {});
}
