import { type ImageIndex, type PartName, partNames, type SkippedImage } from '../artifacts/image-index.ts';
import type { Preprocessing, Scaling } from '../artifacts/preprocessing.ts';
import { InputError, stopIfAborted } from '../io/errors.ts';
import { quoted } from '../io/printable.ts';
import { bytesPerImage } from './dataset.ts';
import { decode, readHeader } from './decode.ts';
import type { Target } from './decoder.ts';
import { Facts } from './facts.ts';
import { fitImage } from './fit.ts';
import type { DataSource, ImageEntry, ImageHeader, ImageSource, RawLabel, StoredImage } from './image-source.ts';
import type { DataOptions } from './options.ts';
import { pixelWriter } from './pixel-files.ts';
import { chooseScaling, rangeOf } from './scale.ts';

/** Images that are read and decoded at the same time: enough to keep Node's four worker threads busy. */
const WINDOW = 16;

/** Images of a part that were read, in their order. */
export interface ReadPart
  extends Readonly<Pick<NonNullable<ImageIndex['parts'][PartName]>, 'name' | 'images' | 'files' | 'skipped'>> {
  /** Undefined: their numbers. */
  readonly ids: readonly string[] | undefined;
  readonly labels: readonly RawLabel[];
  /** Labels of the images that cannot be read. */
  readonly unread: readonly RawLabel[];
}

/** What a pass over all images gives, besides the pixels that it writes. */
export interface Read {
  readonly preprocessing: Preprocessing;
  readonly facts: Facts;
  readonly parts: Partial<Record<PartName, ReadPart>>;
}

/** A pass found that the images are not as `preprocessing` took for granted. */
export class WrongGuess {
  readonly better: Partial<Preprocessing>;
  constructor(better: Partial<Preprocessing>) {
    this.better = better;
  }
}

export const partsOf = (source: DataSource): [PartName, ImageSource][] =>
  partNames.flatMap((name) => (source[name] ? [[name, source[name]]] : []));

/**
 * Reads all images once and writes their fitted pixels into a folder.
 * @param spec the value of `--data`, for messages
 * @param preprocessing what to do to each; a guess where options leave it open
 * @returns WrongGuess as soon as an image is in colour where gray was guessed, or has numbers without a scaling
 * @throws InputError where images have several sizes and none is asked for, none of a part can be read, or one cannot in
 * strict mode; EnvironmentError when the folder cannot be written; Interrupted
 */
export async function readImages(
  spec: string,
  source: DataSource,
  options: DataOptions,
  folder: string,
  preprocessing: Preprocessing,
): Promise<Read | WrongGuess> {
  const { channels = 'auto', preprocessing: given, range, size, strict, signal, progress } = options;
  const { height, width, scalings } = preprocessing;
  const mayBeColour = !given && channels === 'auto' && preprocessing.channels === 1;
  const differs = (image: Pick<ImageHeader, 'height' | 'width'>) =>
    !given && !size && (image.height !== height || image.width !== width);
  const isScaled = (type: string) => (type === 'uint8' && !range) || scalings.some((scaling) => scaling.type === type);
  const total = countOf(source);
  const facts = new Facts(preprocessing, total ?? 0);
  const parts: Partial<Record<PartName, ReadPart>> = {};
  let done = 0;
  let mixed = false; // several sizes: the rest is only measured, for the message

  const look = async (entry: ImageEntry) => {
    const image = mixed ? undefined : await storedImage(entry, given || size ? preprocessing : undefined);
    if (!image || differs(image)) return { header: image ?? (await headerOf(entry)) };
    const { original = image } = image;
    const range = rangeOf(image.values, entry.where); // first: an image with NaN has no part in choosing a scaling
    if (!isScaled(image.type)) return { header: image, unscaled: true };
    const fitted = await fitImage(image, preprocessing);
    return {
      header: { ...original, type: image.type, frames: image.frames, channelPages: image.channelPages },
      fitted: { ...fitted, range },
    };
  };

  for (const [name, part] of partsOf(source)) {
    facts.beginPart();
    const writer = pixelWriter(folder, name, bytesPerImage(preprocessing));
    const skipped: SkippedImage[] = [];
    const [ids, labels, unread]: [string[], RawLabel[], RawLabel[]] = [[], [], []];
    try {
      for await (const { entry, result, failure } of inOrder(part.entries(), look, signal)) {
        done++;
        progress?.(done, total);
        if (failure) {
          if (strict) throw new InputError(`${failure.message}; --strict allows no unreadable image`);
          skipped.push(skippedImage(entry, failure));
          unread.push(entry.label);
          continue;
        }
        const { header, fitted, unscaled } = result;
        if (unscaled)
          return new WrongGuess({ scalings: await scalingsOf(spec, source, options, scalings, header.type) });
        facts.addSize(header);
        mixed ||= differs(header);
        if (mixed || !fitted) continue;
        if (fitted.coloured && mayBeColour) return new WrongGuess({ channels: 3 });
        facts.addRange(header.type, fitted.range);
        facts.coloured += Number(fitted.coloured);
        facts.transparent += Number(fitted.transparent);
        facts.clipped += Number(fitted.clipped);
        facts.animated += Number(header.frames !== undefined);
        facts.multichannel += Number(header.channelPages !== undefined);
        facts.addPixels(fitted.bytes);
        await writer.write(fitted.bytes);
        ids.push(entry.id);
        labels.push(entry.label);
      }
    } finally {
      await writer.close();
    }
    if (ids.length === 0 && !mixed) throw noneReadable(part.name, skipped);
    const numbered = ids.every((id, i) => id === String(i));
    const files = [...writer.files];
    const about = { name: part.name, images: ids.length, files, skipped, labels, unread };
    parts[name] = { ...about, ids: numbered ? undefined : ids };
  }
  if (mixed) throw severalSizes(spec, facts);
  const bytes = facts.ranges.get('uint8');
  if (bytes?.max === 1 && !given && !scalings.some(({ type }) => type === 'uint8')) {
    return new WrongGuess({ scalings: [...scalings, chooseScaling({ type: 'uint8', ...bytes }, spec, options)] });
  }
  return { preprocessing, facts, parts };
}

const withoutPrefix = (text: string, prefix: string) => (text.startsWith(prefix) ? text.slice(prefix.length) : text);

/** How an index lists an image that cannot be read. */
export const skippedImage = ({ where }: ImageEntry, { message }: InputError): SkippedImage => ({
  file: where,
  reason: withoutPrefix(message, `${where}: `),
});

/** Number of images, where all parts know theirs. */
const countOf = (source: DataSource): number | undefined =>
  partsOf(source).reduce<number | undefined>(
    (sum, [, { count }]) => (sum === undefined || count === undefined ? undefined : sum + count),
    0,
  );

/** Reads an image and decodes it. @throws InputError when it cannot be read */
export async function storedImage(entry: ImageEntry, target?: Target): Promise<StoredImage> {
  const image = await entry.read();
  return 'bytes' in image ? decode(image, entry.where, target) : image;
}

/** @throws InputError when the image cannot be read */
export async function headerOf(entry: ImageEntry): Promise<ImageHeader> {
  const image = await entry.read();
  return 'bytes' in image ? readHeader(image, entry.where) : image;
}

/**
 * The scalings of all types of numbers, which takes a pass over the images that have not 8 bits; with a range, of those seen so far.
 * @param known those that there are
 * @param type another type
 */
async function scalingsOf(
  spec: string,
  source: DataSource,
  options: DataOptions,
  known: readonly Scaling[],
  type: string,
): Promise<Scaling[]> {
  const { range, signal } = options;
  if (range) {
    const types = new Set(['uint8', ...known.map((scaling) => scaling.type), type]);
    return [...types].map((each) => chooseScaling({ type: each, min: range[0], max: range[1] }, spec, options));
  }
  const found = new Map<string, { min: number; max: number }>();
  const look = async (entry: ImageEntry) => {
    const header = await headerOf(entry);
    if (header.type === 'uint8' || known.some((scaling) => scaling.type === header.type)) return undefined;
    const { type, values } = await storedImage(entry);
    return { type, ...rangeOf(values, entry.where) };
  };
  for (const [, part] of partsOf(source)) {
    for await (const { result } of inOrder(part.entries(), look, signal)) {
      if (!result) continue;
      const { min, max } = found.get(result.type) ?? result;
      found.set(result.type, { min: Math.min(min, result.min), max: Math.max(max, result.max) });
    }
  }
  return [...known, ...[...found].map(([type, { min, max }]) => chooseScaling({ type, min, max }, spec, options))];
}

type Outcome<T> =
  | { readonly entry: ImageEntry; readonly result: T; readonly failure?: undefined }
  | { readonly entry: ImageEntry; readonly result?: undefined; readonly failure: InputError };

/** Does work on each entry, several at a time, and gives the results in the order of the entries; an InputError is a failure. */
export async function* inOrder<T>(
  entries: AsyncIterable<ImageEntry> | Iterable<ImageEntry>,
  work: (entry: ImageEntry) => Promise<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Outcome<T>, void, undefined> {
  const outcomeOf = async (entry: ImageEntry): Promise<Outcome<T>> => {
    try {
      return { entry, result: await work(entry) };
    } catch (failure) {
      if (failure instanceof InputError) return { entry, failure };
      throw failure;
    }
  };
  const waiting: Promise<Outcome<T>>[] = [];
  try {
    for await (const entry of entries) {
      stopIfAborted(signal);
      const outcome = outcomeOf(entry);
      outcome.catch(() => {}); // thrown when its turn comes
      waiting.push(outcome);
      if (waiting.length >= WINDOW) yield await (waiting.shift() as Promise<Outcome<T>>);
    }
    while (waiting.length > 0) {
      stopIfAborted(signal);
      yield await (waiting.shift() as Promise<Outcome<T>>);
    }
  } finally {
    await Promise.allSettled(waiting);
  }
}

function noneReadable(name: string, skipped: readonly SkippedImage[]): InputError {
  const [first] = skipped;
  const reason = first ? `: ${first.file}: ${first.reason}` : '';
  const all = skipped.length === 1 ? 'its only image cannot' : `none of its ${skipped.length} images can`;
  return new InputError(`${name}: ${all} be read${reason}`);
}

/** The suggestion for images of several sizes. */
function severalSizes(spec: string, { sizes, mostSizes }: Facts): InputError {
  const shorter = [...sizes].flatMap(([size, images]) => {
    const side = Math.min(...size.split('x').map(Number));
    return new Array<number>(images).fill(side);
  });
  const median = shorter.sort((a, b) => a - b)[Math.floor(shorter.length / 2)] ?? 0;
  const suggested = [128, 96, 64, 48, 32].find((side) => side <= median) ?? 16;
  const examples = mostSizes.slice(0, 3).map(({ size, images }) => `${size} (${images})`);
  const more = sizes.size > examples.length ? ' …' : '';
  return new InputError(
    `${spec}: its images have ${sizes.size} different sizes, width×height: ${examples.join(', ')}${more}; fit them to one with --size ${suggested} (\`npx convae data ${quoted(spec)} --size ${suggested} --sheet sheet.png\` shows the result)`,
  );
}
