import { IMAGE_INDEX_FORMAT, type ImageIndex, partNames, type SkippedImage } from '../artifacts/image-index.ts';
import type { Preprocessing, Scaling } from '../artifacts/preprocessing.ts';
import { InputError } from '../io/errors.ts';
import { isOnReading } from './facts.ts';
import {
  findPrepared,
  imageCache,
  type Prepared,
  pruneImageCache,
  publishPrepared,
  writableCache,
} from './image-cache.ts';
import type { DataSource } from './image-source.ts';
import { indexLabels, isMeasure } from './labels.ts';
import type { DataOptions } from './options.ts';
import { openPart, writeRows } from './parts.ts';
import { headerOf, partsOf, type Read, readImages, WrongGuess } from './pass.ts';
import { readPlain } from './plain.ts';
import { DARK_MASKS } from './scale.ts';

/**
 * Reads every image of a data set once, unless this was done before with the same files and options: decodes and fits them into
 * uint8 files in the cache, and collects what is known about them. Plain pixels stay where they are. Images that cannot be read
 * are left out and listed.
 * @param spec the value of `--data`, for messages
 * @throws InputError where images have several sizes and none is asked for, their numbers are ambiguous, none can be read, more
 * than `maxSkipped` cannot, or one cannot in strict mode; EnvironmentError when the cache cannot be written; Interrupted
 */
export async function prepare(spec: string, source: DataSource, options: DataOptions): Promise<Prepared> {
  const { size, fit, background, channels, range, preprocessing, signal } = options;
  const stamps: Record<string, string> = {};
  const column = source.label === undefined ? [] : [`labels from ${source.label}`];
  for (const [name, part] of partsOf(source)) {
    stamps[name] = [await part.stamp(), ...(part.classes ?? []), ...column].join('\n');
  }
  const contents = { stamps, wanted: preprocessing ?? { size, fit, background, channels, range } };
  let prepared = await findPrepared(imageCache(options.cache), contents);
  if (!prepared) {
    const cache = await writableCache(options.cache);
    const fill = (folder: string) => readAll(spec, source, options, folder);
    prepared = (await findPrepared(cache, contents)) ?? (await publishPrepared(cache, contents, fill, signal));
    if (options.cache === undefined) await pruneImageCache(cache).catch(() => {}); // costs only space
  }
  checkSkipped(spec, prepared.index, options);
  noteOthers(spec, prepared.index, options);
  const { label, notes } = source;
  return { ...prepared, label, index: { ...prepared.index, notes: [...notes] } }; // a cached index has older notes
}

/**
 * Says for a trained model, of whose images no summary is shown, how numbers are scaled that it does not know, since that depends on
 * the images that come together, whether numbers are cut off, and whether files have more images than are read.
 */
function noteOthers(spec: string, { range, warnings }: ImageIndex, { preprocessing, note }: DataOptions): void {
  if (preprocessing) for (const warning of warnings.filter(isOnReading)) note?.(`${spec}: ${warning}`);
  for (const { type, max, rule, from } of range.found) {
    if (!preprocessing || preprocessing.scalings.some((known) => known.type === type)) continue;
    const ends = `${from[0]} is black and ${from[1]} white, by the range of all of these images (${rule})`;
    if (type !== 'uint8') note?.(`${spec}: ${type}, which the model was not trained on: ${ends}`);
    else if (max === 1) note?.(`${spec}: ${DARK_MASKS}`);
  }
}

/** The images of all parts that could not be read. */
export const skippedIn = ({ parts }: Pick<ImageIndex, 'parts'>): SkippedImage[] =>
  partNames.flatMap((name) => parts[name]?.skipped ?? []);

function checkSkipped(spec: string, { parts }: ImageIndex, { strict, maxSkipped = 0.01 }: DataOptions): void {
  const skipped = skippedIn({ parts });
  const [first] = skipped;
  if (!first) return;
  const total = skipped.length + partNames.reduce((sum, name) => sum + (parts[name]?.images ?? 0), 0);
  if (!strict && skipped.length <= maxSkipped * total) return;
  const limit = strict ? '--strict allows none' : `--max-skipped ${maxSkipped} allows fewer`;
  const more = strict ? 'leave --strict out' : 'allow more with --max-skipped 0.5 (`convae data` lists them then)';
  throw new InputError(
    `${spec}: ${skipped.length} of ${total} images cannot be read, ${limit}: ${first.file}: ${first.reason}${skipped.length > 1 ? ' …' : ''}; repair or remove them, or ${more}`,
  );
}

/**
 * Reads all images into a folder. Whether any is in colour, and the range of numbers that have not 8 bits, is known only when
 * all were seen: a pass begins with the likeliest guess, and is repeated with a better one where that was wrong.
 */
async function readAll(spec: string, source: DataSource, options: DataOptions, folder: string): Promise<ImageIndex> {
  const plain = await readPlain(source, options);
  if (plain) return complete(spec, source, folder, plain);
  let guess = options.preprocessing ?? (await firstGuess(spec, source, options));
  for (;;) {
    const read = await readImages(spec, source, options, folder, guess);
    if (!(read instanceof WrongGuess)) return complete(spec, source, folder, read);
    guess = { ...guess, ...read.better };
  }
}

async function firstGuess(spec: string, source: DataSource, options: DataOptions): Promise<Preprocessing> {
  const { size, fit = 'cover', background = '#ffffff', channels = 'auto' } = options;
  const { height, width } = size ?? (await firstSize(spec, source));
  return { height, width, channels: channels === 'rgb' ? 3 : 1, fit, background, scalings: [] };
}

/** Size of the first image that can be read. */
async function firstSize(spec: string, source: DataSource): Promise<{ height: number; width: number }> {
  let reason = '';
  for (const [, part] of partsOf(source)) {
    for await (const entry of part.entries()) {
      try {
        return await headerOf(entry);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        reason ||= `; ${error.message}`;
      }
    }
  }
  throw new InputError(`${spec}: none of its images can be read${reason}`);
}

/**
 * Indexes labels, writes ids and labels beside the pixels, and computes the fingerprints. Classes of images that cannot be read count,
 * too: so they have the same numbers as where labels are counted before images are read, by shards.
 */
async function complete(spec: string, source: DataSource, folder: string, read: Read): Promise<ImageIndex> {
  const { preprocessing, facts, parts } = read;
  const classes = partsOf(source).find(([, part]) => part.classes !== undefined)?.[1].classes;
  const labels = Object.fromEntries(
    partNames.flatMap((name) => {
      const part = parts[name];
      return part ? [[name, part.unread.length > 0 ? [...part.labels, ...part.unread] : part.labels]] : [];
    }),
  );
  const measure = Object.values(labels).flat().find(isMeasure);
  const indexed = indexLabels(measure === undefined ? labels : {}, { classes, where: spec });
  if (measure !== undefined) {
    indexed.warnings.push(`labels such as ${measure} are measures, not classes: the images are taken as unlabelled`);
  }
  const index: ImageIndex = {
    format: IMAGE_INDEX_FORMAT,
    preprocessing,
    classes: indexed.classes ? [...indexed.classes] : null,
    parts: {},
    sizes: facts.mostSizes,
    range: {
      found: [...facts.ranges].map(([type, range]) => ({ ...scalingOf(type, preprocessing), ...range })),
      ...facts.scaled,
    },
    coloured: facts.coloured,
    transparent: facts.transparent,
    duplicates: facts.duplicates,
    warnings: [...indexed.warnings, ...facts.warnings],
    notes: [...source.notes],
  };
  for (const name of partNames) {
    const part = parts[name];
    if (!part) continue;
    const { ids, labels: _, unread: __, ...about } = part;
    const readable = indexed.labels[name]?.subarray(0, part.images);
    const own = readable?.some((label) => label >= 0) ? readable : undefined;
    await writeRows(folder, name, { ids, labels: own });
    const entry = { ...about, named: ids !== undefined, labelled: own !== undefined, fingerprint: '', pixels: '' };
    index.parts[name] = entry;
    const dataset = await openPart({ folder, index }, name, undefined, { computed: true });
    Object.assign(entry, await dataset.fingerprints().finally(() => dataset.close()));
  }
  return index;
}

const scalingOf = (type: string, { scalings }: Preprocessing): Scaling =>
  scalings.find((scaling) => scaling.type === type) ?? { type, from: [0, 255], rule: '8-bit pixels' };
