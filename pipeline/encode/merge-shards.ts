import { copyFile, link, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { judgeOf } from '../analyse/outlier-score.ts';
import type { EncodingPlan, Labelling } from '../artifacts/encoding-plan.ts';
import { type SkippedImage, skippedImage } from '../artifacts/image-index.ts';
import { parseSealed } from '../artifacts/json.ts';
import { UNLABELLED } from '../data/dataset.ts';
import { sortNaturally } from '../data/natural-order.ts';
import { orderOf } from '../data/parts.ts';
import { DARK_MASKS } from '../data/scale.ts';
import type { ExportedModel } from '../inference/exported.ts';
import { fileDigest } from '../io/digest.ts';
import { codeOf, fileError, InputError, ignoreMissing, isFault, stopIfAborted, withFileErrors } from '../io/errors.ts';
import { counted, quoted } from '../io/printable.ts';
import { publishFile, publishFolder } from '../io/publish.ts';
import { sweep } from '../io/staging.ts';
import { checkTarget, type EarlierOutput } from '../io/target.ts';
import { aboutLatents, MOST_SKIPPED } from './encode.ts';
import { openPlanned, tooManySkipped } from './encode-shards.ts';
import { parquetDamage } from './file-checksum.ts';
import { idSet } from './id-set.ts';
import { type LatentRows, largeGroupRows, parquetWriter } from './parquet.ts';
import { type ReadShard, readPlan, readShard, shardName, shardPaths } from './shard-files.ts';
import { shardsIn } from './shard-status.ts';

const EARLIER: EarlierOutput = { names: /^part-\d+-of-\d+\.parquet$/ };

export interface MergeOptions {
  /** Folder of the plan. */
  readonly folder: string;
  /** Folder of the exported model, where it is not the plan's. */
  readonly exported?: string | undefined;
  /** Whether to write one file, as `encode` does without shards. */
  readonly single: boolean;
  /** The folder, or the file, to write; by default `latents` or `latents.parquet` in the plan's folder. */
  readonly out?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly note?: ((line: string) => void) | undefined;
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

export interface Merged {
  readonly out: string;
  readonly rows: number;
  readonly skipped: number;
  readonly files: number;
  readonly seconds: number;
}

/** Everything that was checked. */
interface Checked {
  readonly shards: readonly (Pick<ReadShard, 'about'> & { readonly rows: number })[];
  readonly rows: number;
  readonly skipped: number;
  readonly labelling: Labelling;
  /** Whether all shards have the same columns and classes already. */
  readonly uniform: boolean;
}

/**
 * Checks that every shard of a plan is there once, whole and unchanged, and makes one data set of them: a folder of Parquet files, or one
 * file. The files of a folder are links to those of the shards, unless these have counted different classes.
 * @throws InputError when a shard is missing or damaged, an id occurs twice, or too many images could not be read;
 * EnvironmentError; Interrupted
 */
export async function mergeShards(options: MergeOptions): Promise<Merged> {
  const { folder, single, note, signal } = options;
  const began = performance.now();
  const plan = await readPlan(folder);
  const model = await openPlanned(options.exported ?? plan.exported, plan);
  const out = options.out ?? join(folder, single ? 'latents.parquet' : 'latents');
  if (single) await checkTarget('file', out);
  else {
    await checkTarget('folder', out, EARLIER);
    await checkParts(out);
  }
  const checked = await withFileErrors(`cannot read ${folder}`, () => checkShards(folder, plan, model, options));
  await sweep(shardPaths(folder).parts); // no shard will be written there that would do it
  const { rows, skipped } = checked;
  const full = checked.shards.filter((shard) => shard.rows > 0);
  if (single) await publishFile(out, (path) => writeRows(options, plan, model, checked, full, path, false), { signal });
  else {
    const digits = Math.max(5, String(full.length).length);
    const name = (i: number) => `${shardName(i)}-of-${String(full.length).padStart(digits, '0')}.parquet`;
    const write = async (path: string) => {
      for (const [i, shard] of full.entries()) {
        stopIfAborted(signal);
        const file = join(path, name(i));
        if (checked.uniform) await linkOrCopy(shardPaths(folder).part(shard.about.shard), file);
        else await writeRows(options, plan, model, checked, [shard], file, true);
      }
    };
    await publishFolder(out, write, { signal, sums: false, earlier: EARLIER });
  }
  if (skipped > 0)
    note?.(`${out}: no row for ${counted(skipped, 'image')} that cannot be read, see ${shardPaths(folder).skipped}`);
  return { out, rows, skipped, files: single ? 1 : full.length, seconds: (performance.now() - began) / 1000 };
}

/** @throws InputError when a file of a folder that is to be replaced is not of convae, whatever its name */
async function checkParts(folder: string): Promise<void> {
  for (const name of (await readdir(folder).catch(ignoreMissing)) ?? []) {
    const path = join(folder, name);
    const buffer = await withFileErrors(`cannot read ${path}`, () => asyncBufferFromFile(path));
    const metadata = await parquetMetadataAsync(buffer).catch((error: unknown) => {
      if (isFault(error)) throw fileError(error, `cannot read ${path}`);
    });
    if (metadata?.created_by === 'convae') continue;
    throw new InputError(`cannot write ${folder}: ${name} in it is no file of latents; choose another folder`);
  }
}

/** @throws InputError as `mergeShards` */
async function checkShards(
  folder: string,
  plan: EncodingPlan,
  { card }: ExportedModel,
  { signal, note, progress }: MergeOptions,
): Promise<Checked> {
  const { starts } = plan;
  const there = await shardsIn(shardPaths(folder).parts);
  const missing = Array.from({ length: plan.shards }, (_, i) => i).filter((shard) => !there.has(shard));
  if (missing.length > 0) {
    const some = `${missing.slice(0, 10).join(', ')}${missing.length > 10 ? ', …' : ''}`;
    throw new InputError(
      `${folder}: ${missing.length} of its ${plan.shards} shards are missing (${some}); encode them, as in \`convae encode --out ${quoted(folder)} --shard ${missing[0]}\``,
    );
  }
  const shards: Checked['shards'][number][] = [];
  let done = 0;
  let ids = idSet(starts?.at(-1));
  for (let shard = 0; shard < plan.shards; shard++) {
    stopIfAborted(signal);
    const read = await readShard(folder, plan, shard);
    const rows = Number(read.metadata.num_rows);
    const path = shardPaths(folder).part(shard);
    const again = `delete it and encode shard ${shard} again`;
    if (await isDamaged(path, read)) {
      throw new InputError(`${path}: its checksums are not those in its metadata: it was changed or damaged; ${again}`);
    }
    const planned = starts && (starts[shard + 1] as number) - (starts[shard] as number);
    const counted = rows + read.about.skippedImages;
    if (planned !== null && counted !== planned) {
      throw new InputError(`${path}: it has ${counted} images, ${planned} were planned; ${again}`);
    }
    if (ids && !(await checkIds(path, read, ids))) ids = undefined;
    shards.push({ about: read.about, rows });
    done += counted;
    progress?.(done, starts?.at(-1) ?? done);
  }
  const versions = new Set(shards.map(({ about }) => about.version));
  if (versions.size > 1) {
    note?.(
      `${folder}: its shards were encoded by several versions of convae (${Array.from(versions, (one) => one ?? 'an earlier one').join(', ')}), whose rows may differ; delete those of all but one and encode them again`,
    );
  }
  if (!ids) note?.(`${folder}: too many images to compare all ids; counts and hashes are checked`);
  const sum = (of: (shard: Checked['shards'][number]) => number) => shards.reduce((sum, shard) => sum + of(shard), 0);
  const [rows, skipped] = [sum((shard) => shard.rows), sum(({ about }) => about.skippedImages)];
  if (skipped > plan.maxSkipped * (rows + skipped)) {
    const [first] = await skippedIn(folder, shards, 1);
    throw tooManySkipped({ ...plan, images: rows + skipped }, skipped, first);
  }
  if (rows === 0) throw new InputError(`${folder}: none of its images can be read`);
  if (shards.reduce((most, { about }) => Math.max(most, about.brightest), 0) === 1) {
    note?.(`${plan.data}: ${DARK_MASKS}`);
  }
  return {
    shards,
    rows,
    skipped,
    ...unionOf(
      shards,
      sum(({ about }) => about.labelledRows),
      rows,
      card.classes,
    ),
  };
}

/** Whether a shard's file is not as it was written. */
async function isDamaged(path: string, { about, body }: ReadShard): Promise<boolean> {
  const damage = await parquetDamage(path);
  if (damage !== 'unknown') return damage !== undefined;
  const { sha256 } = await withFileErrors(`cannot read ${path}`, () => fileDigest(path, body)); // of an earlier version
  return sha256 !== about.digest;
}

/** The labels of all shards together, as `indexLabels` gives them. */
function unionOf(
  shards: Checked['shards'],
  labelledRows: number,
  rows: number,
  known: readonly string[] | null,
): Pick<Checked, 'labelling' | 'uniform'> {
  const measured = shards.some(({ about }) => about.measured);
  const labelled = measured || labelledRows === 0 ? 'none' : labelledRows === rows ? 'all' : 'some';
  const lists = new Set(shards.map(({ about }) => JSON.stringify(about.labelling)));
  const [first] = shards;
  if (lists.size === 1 && first)
    return { labelling: { classes: first.about.labelling.classes, labelled }, uniform: true };
  const names = new Set(shards.flatMap(({ about }) => about.labelling.classes ?? []));
  const orders = new Set(
    shards.map(({ about }) => JSON.stringify(about.labelling.classes)).filter((list) => list !== 'null'),
  );
  const [order] = orders;
  const own = orders.size === 1 && order ? (JSON.parse(order) as string[]) : sortNaturally(names);
  const classes = known && orderOf(own, known) ? [...known] : own;
  return { labelling: { classes: labelled === 'none' ? null : classes, labelled }, uniform: false };
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: unknown) => {
    if (!['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error;
    return copyFile(from, to);
  });
}

/** @returns false where there are too many ids to compare @throws InputError when an id occurs again */
async function checkIds(
  path: string,
  { metadata }: ReadShard,
  ids: NonNullable<ReturnType<typeof idSet>>,
): Promise<boolean> {
  const file = await asyncBufferFromFile(path);
  for (const { rowStart, rowEnd } of groupsOf(metadata)) {
    const rows = await parquetReadObjects({ file, metadata, columns: ['id'], rowStart, rowEnd });
    for (const { id } of rows) {
      const fresh = ids.add(String(id));
      if (fresh === undefined) return false;
      if (!fresh)
        throw new InputError(`${path}: the id ${String(id)} occurs twice; are there two images of that name?`);
    }
  }
  return true;
}

/** First and last row of each row group. */
function groupsOf({ row_groups }: ReadShard['metadata']): { rowStart: number; rowEnd: number }[] {
  let rowEnd = 0;
  return row_groups.map(({ num_rows }) => {
    const rowStart = rowEnd;
    rowEnd += Number(num_rows);
    return { rowStart, rowEnd };
  });
}

/** Writes the rows of shards into one file, with the classes of all. */
async function writeRows(
  { folder, signal }: MergeOptions,
  plan: EncodingPlan,
  { card }: ExportedModel,
  { labelling, skipped, shards: all }: Checked,
  shards: Checked['shards'],
  path: string,
  large: boolean,
): Promise<void> {
  const { data, split, errors } = plan;
  const { size } = card.latent;
  const { classes, labelled } = labelling;
  const listed = large || skipped === 0 ? [] : await skippedIn(folder, all, MOST_SKIPPED);
  const about = aboutLatents(card, {
    data,
    split,
    classes,
    errors,
    skipped: listed,
    skippedImages: large ? 0 : skipped,
  });
  const groupRows = large ? largeGroupRows(size) : undefined;
  const judge = judgeOf(card, errors);
  const writer = parquetWriter(path, {
    size,
    errors,
    labelled,
    classes: classes ?? undefined,
    judge,
    assigned: card.clusters !== undefined,
    about,
    groupRows,
  });
  const indices = new Map(classes?.map((name, index) => [name, index]));
  for (const { about } of shards) {
    const { metadata } = await readShard(folder, plan, about.shard);
    const file = await asyncBufferFromFile(shardPaths(folder).part(about.shard));
    for (const range of groupsOf(metadata)) {
      stopIfAborted(signal);
      const rows = (await parquetReadObjects({ file, metadata, ...range })) as unknown as StoredRow[];
      await writer.write(rowsOf(rows, size, errors, (name) => indices.get(name ?? '') ?? UNLABELLED));
    }
  }
  await writer.finish();
}

interface StoredRow {
  readonly id: string;
  readonly class?: string | null;
  readonly latent: readonly number[];
  readonly error?: number;
  readonly cluster?: number;
  readonly confidence?: number;
}

function rowsOf(
  rows: readonly StoredRow[],
  size: number,
  errors: boolean,
  indexOf: (name: StoredRow['class']) => number,
): LatentRows {
  const latents = new Float32Array(rows.length * size);
  for (const [i, { latent }] of rows.entries()) latents.set(latent, i * size);
  return {
    count: rows.length,
    ids: rows.map(({ id }) => id),
    labels: Int32Array.from(rows, (row) => indexOf(row.class)),
    latents,
    assigned:
      rows[0]?.cluster === undefined
        ? undefined
        : {
            clusters: Int32Array.from(rows, ({ cluster }) => cluster ?? 0),
            confidences: Float32Array.from(rows, ({ confidence }) => confidence ?? Number.NaN),
          },
    errors: errors ? Float32Array.from(rows, ({ error }) => error ?? Number.NaN) : undefined,
  };
}

/** The first images that could not be read. */
async function skippedIn(folder: string, shards: Checked['shards'], most: number): Promise<SkippedImage[]> {
  const found: SkippedImage[] = [];
  for (const { about } of shards) {
    if (about.skippedImages === 0 || found.length >= most) continue;
    const path = shardPaths(folder).skippedOf(about.shard);
    const text = (await readFile(path, 'utf8').catch(ignoreMissing)) ?? '';
    const refuse = (reason: string) =>
      new InputError(`${path}: ${reason}; delete it and encode shard ${about.shard} again`);
    for (const line of text.split('\n').slice(0, -1)) found.push(parseSealed(skippedImage, line, refuse));
  }
  return found.slice(0, most);
}
