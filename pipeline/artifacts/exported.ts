import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { fileDigest } from '../io/digest.ts';
import { codeOf, fileError, InputError, ignoreMissing, withFileErrors } from '../io/errors.ts';
import { makeFolder, statsOf } from '../io/folders.ts';
import { findDamage, SUMS } from '../io/sums.ts';
import { CARD_FORMAT, type Card, cardSchema } from './card.ts';
import { formatOf, issuesOf, parseJson } from './json.ts';
import { readMetrics, runPaths } from './run-files.ts';
import type { Manifest } from './site.ts';

const CARD = 'card.json';

/**
 * Writes card.json into an exported model's folder.
 * @returns the card as `readCard` will return it, defaults filled in
 * @throws Error when the card does not fit its schema, which is a bug
 */
export async function writeCard(folder: string, card: z.input<typeof cardSchema>): Promise<Card> {
  const parsed = cardSchema.safeParse(card);
  if (!parsed.success) throw new Error(`the card does not fit its schema: ${issuesOf(parsed.error)}`);
  await writeFile(join(folder, CARD), `${layOut(parsed.data)}\n`);
  return parsed.data;
}

/** Formats JSON on many lines, but each list of numbers on one. */
const layOut = (card: Card): string =>
  JSON.stringify(card, null, 2).replace(/\[\n\s+-?\d[^[\]{}"]*\]/g, (list) =>
    list.replace(/\n\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  );

/**
 * Reads the card of an exported model.
 * @throws InputError when the folder or the card is missing, or the card is damaged, changed or of a newer version
 */
export async function readCard(folder: string): Promise<Card> {
  const path = join(folder, CARD);
  const text = await readText(folder, path);
  const format = formatOf(text) ?? CARD_FORMAT;
  if (format > CARD_FORMAT) {
    throw new InputError(
      `${path}: card format ${format} is newer than this version of convae, which reads formats up to ${CARD_FORMAT}; update convae`,
    );
  }
  const card = parseJson(cardSchema, text, (reason) => new InputError(`${path}: ${reason}; export the model again`));
  await checkSums(folder, (name) => name === CARD);
  return card;
}

/** @throws InputError when files of the folder are not as they were exported */
async function checkSums(folder: string, concerns?: (name: string) => boolean): Promise<void> {
  const damaged = await findDamage(folder, concerns);
  if (damaged === undefined) return;
  throw new InputError(`${join(folder, damaged)}: its content does not match ${SUMS}; export the model again`);
}

/**
 * Compares the model's files with their digests in the card, and all files with `SHA256SUMS`.
 * @param without a file that is not looked at
 * @throws InputError when one is missing or its SHA-256 differs
 */
export async function verifyFiles(folder: string, card: Card, without?: string): Promise<void> {
  const { files, trainStep } = card;
  for (const [name, expected] of Object.entries({ ...files, ...(trainStep && { [trainStep.file]: trainStep }) })) {
    if (name === without) continue;
    const path = join(folder, name);
    const found = await withFileErrors(`cannot read ${path}`, () => fileDigest(path).catch(ignoreMissing));
    if (!found) throw new InputError(`${path}: the file is missing; export the model again`);
    if (found.sha256 === expected.sha256) continue;
    const sizes = found.bytes === expected.bytes ? '' : ` (${found.bytes} bytes where ${expected.bytes} were expected)`;
    throw new InputError(`${path}: its SHA-256 is not the one in card.json${sizes}; export the model again`);
  }
  await checkSums(folder, (name) => name !== without);
}

async function readText(folder: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw fileError(error, `cannot read ${path}`);
    const found = await stat(folder).catch(() => undefined);
    if (!found) throw new InputError(`${folder}: there is no such folder; make it with \`convae export RUN\``);
    const what = found.isDirectory() ? 'it has no card.json, so it is not an exported model' : 'it is not a folder';
    throw new InputError(`${folder}: ${what}; give a folder that \`convae export RUN\` made`);
  }
}

/** Paths of the training record, from an exported model's folder. */
const METRICS = 'training/metrics.jsonl';
const PICTURES = 'training/pictures';
const PICTURE = /^epoch-(\d+)\.png$/;
/** Pictures that are kept of a long training, evenly spaced, the first and the last among them. */
const MOST_PICTURES = 60;

export type TrainingRecord = NonNullable<Awaited<ReturnType<typeof readTraining>>>;

/**
 * Copies a run's record into an exported model's folder: `training/metrics.jsonl`, the lines of complete epochs, and
 * `training/pictures/`. Writes nothing if the run recorded nothing.
 */
export async function copyTraining(run: string, exported: string): Promise<void> {
  const from = runPaths(run);
  const lines = (await readMetrics(from.metrics)).filter(({ span }) => span === 'epoch');
  const pictures = spread(await picturesIn(from.pictures), MOST_PICTURES);
  if (lines.length === 0 && pictures.length === 0) return;
  await makeFolder(join(exported, PICTURES));
  await writeFile(join(exported, METRICS), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  for (const { name } of pictures) await copyFile(join(from.pictures, name), join(exported, PICTURES, name));
}

/**
 * Reads the training record of an exported model: means over epochs, of training and test images, and pictures of some
 * test images and their reconstructions. Undefined where there is none.
 */
export async function readTraining(exported: string) {
  const folder = join(exported, PICTURES);
  return withFileErrors(`cannot read ${join(exported, 'training')}`, async () => {
    const metrics = await readMetrics(join(exported, METRICS));
    const pictures = await Promise.all(
      (await picturesIn(folder)).map(async ({ epoch, name }) => ({ epoch, png: await readFile(join(folder, name)) })),
    );
    return metrics.length > 0 || pictures.length > 0 ? { metrics, pictures } : undefined;
  });
}

/**
 * Paths of the training record's files, from the exported model's folder; null where it has no metrics.
 * @throws InputError, EnvironmentError when they cannot be read
 */
export async function trainingFiles(exported: string): Promise<Manifest['training']> {
  const path = join(exported, METRICS);
  const found = await withFileErrors(`cannot read ${path}`, async () => statsOf(path));
  if (!found?.isFile()) return null;
  const pictures = await picturesIn(join(exported, PICTURES));
  return { metrics: METRICS, pictures: pictures.map(({ epoch, name }) => ({ epoch, file: `${PICTURES}/${name}` })) };
}

async function picturesIn(folder: string): Promise<{ epoch: number; name: string }[]> {
  const names = await withFileErrors(`cannot read ${folder}`, () => readdir(folder).catch(ignoreMissing));
  return (names ?? [])
    .filter((name) => PICTURE.test(name))
    .map((name) => ({ epoch: Number(PICTURE.exec(name)?.[1]), name }))
    .sort((a, b) => a.epoch - b.epoch);
}

/** `most` of the items, evenly spaced from the first to the last. */
function spread<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  const places = Array.from({ length: most }, (_, i) => Math.round((i * (items.length - 1)) / (most - 1)));
  return places.map((place) => items[place] as T);
}
