import type { EncodingInput, Labelling } from '../artifacts/encoding-plan.ts';
import { partNames, type SkippedImage } from '../artifacts/image-index.ts';
import type { Preprocessing } from '../artifacts/preprocessing.ts';
import { InputError, stopIfAborted } from '../io/errors.ts';
import type { ImageBatch } from './batches.ts';
import { bytesPerImage, UNLABELLED } from './dataset.ts';
import { fitImage } from './fit.ts';
import type { ImageEntry, RawLabel } from './image-source.ts';
import type { LabelSurvey } from './label-survey.ts';
import type { DataOptions } from './options.ts';
import { inOrder, skippedImage, storedImage } from './pass.ts';
import { pixelReader } from './pixel-files.ts';
import { range } from './rows.ts';
import { rangeOf } from './scale.ts';
import { type InputOptions, openInputs, type Section, surveySections, surveySource } from './sections.ts';

/** Images of a shard that were prepared, with their ids. */
export interface ShardBatch extends ImageBatch {
  readonly ids: readonly string[];
}

/** What is counted while the images of a shard are read. */
export interface ShardCounts {
  /** Images that were read, or could not be. */
  done: number;
  /** The largest number among 8-bit pixels, at most 2. */
  brightest: number;
  /** Files with several frames or pages, of which only the first is read. */
  animated: number;
  /** Images with numbers beyond those that are black and white. */
  clipped: number;
  /** Image files that were changed or copied after the plan was made, and have the same size. */
  later: number;
}

export interface ShardOptions extends InputOptions {
  /** What a trained model wants. */
  readonly preprocessing: Preprocessing;
  /** What is known of the labels of the data set; null where each shard counts its own. */
  readonly labelling: Labelling | null;
  /** Class names that the format knows. */
  readonly named: readonly string[] | null;
}

/** The images of a shard, which are read once, in their order: nothing is kept in the image cache. */
export interface ShardImages extends Pick<LabelSurvey, 'images' | 'labelling' | 'measured'> {
  readonly counts: ShardCounts;
  /**
   * Reads, decodes and fits the images, as `prepare` does, a few ahead of the batch that is asked for.
   * @param skip is called for each image that cannot be read; what it throws ends the reading
   * @throws InputError when an image has numbers of a type that the model has no scaling for, a source is damaged, or an
   * image cannot be read in strict mode; Interrupted
   */
  batches(batchSize: number, skip: (image: SkippedImage) => void): AsyncGenerator<ShardBatch, void, undefined>;
  close(): Promise<void>;
}

/**
 * Opens the inputs of a shard. Labels that the plan does not have are counted first, which reads archives twice.
 * @throws InputError when an input is missing or has changed
 */
export async function openShard(inputs: readonly EncodingInput[], options: ShardOptions): Promise<ShardImages> {
  const opened = await openInputs(inputs, options);
  const survey = await surveyOf(inputs, opened, options);
  const later = opened.sections.reduce((sum, section) => sum + section.later, 0);
  const counts: ShardCounts = { done: 0, brightest: 0, animated: 0, clipped: 0, later };
  return {
    images: survey.images,
    labelling: survey.labelling,
    measured: survey.measured,
    counts,
    async *batches(batchSize, skip) {
      const batch = batchOf(bytesPerImage(options.preprocessing), batchSize, survey.labelling.labelled !== 'none');
      for (const section of opened.sections) {
        const images = isPlain(section, options.preprocessing)
          ? plainImages(section, batchSize, options)
          : fittedImages(section, options, skip, counts);
        for await (const { pixels, id, label } of images) {
          const full = batch.add(pixels, (section.prefix ?? '') + id, survey.indexOf(label));
          if (counts.brightest < 2) counts.brightest = brightestOf(pixels, counts.brightest, options.preprocessing);
          counts.done++;
          if (full) yield batch.take();
        }
      }
      if (batch.count() > 0) yield batch.take();
    },
    close: opened.close,
  };
}

async function surveyOf(
  inputs: readonly EncodingInput[],
  { sections, source }: Awaited<ReturnType<typeof openInputs>>,
  { labelling, named, spec: where, classes: known }: ShardOptions,
): Promise<LabelSurvey> {
  if (!labelling) return surveySections(sections, { classes: named ?? undefined, known, where });
  const images = inputs.reduce((sum, input) => sum + ('to' in input ? input.to - input.from : 1), 0);
  if (!source || labelling.labelled === 'none') {
    const indexOf = (label: RawLabel) => (typeof label === 'number' ? label : UNLABELLED);
    return { images, labelling, measured: false, indexOf };
  }
  return { ...(await surveySource(source, partNames, { known, where })), images, labelling };
}

interface FittedImage {
  readonly pixels: Uint8Array;
  readonly id: string;
  readonly label: RawLabel;
}

/** Collects images into batches. */
function batchOf(bytes: number, size: number, labelled: boolean) {
  let start = 0;
  let images = new Uint8Array(size * bytes);
  let labels: Int32Array | undefined;
  let ids: string[] = [];
  const begin = () => {
    labels = labelled ? new Int32Array(size) : undefined;
    ids = [];
  };
  begin();
  return {
    count: () => ids.length,
    /** @returns whether the batch is full */
    add(pixels: Uint8Array, id: string, label: number): boolean {
      images.set(pixels, ids.length * bytes);
      if (labels) labels[ids.length] = label;
      return ids.push(id) === size;
    },
    take(): ShardBatch {
      const count = ids.length;
      const taken = {
        start,
        count,
        ids,
        images: images.subarray(0, count * bytes),
        labels: labels?.subarray(0, count),
      };
      start += count;
      images = new Uint8Array(size * bytes);
      begin();
      return taken;
    },
  };
}

/** `before`, or the largest of some pixels, at most 2, where 8-bit pixels are used as they are. */
function brightestOf(pixels: Uint8Array, before: number, { scalings }: Preprocessing): number {
  if (scalings.length > 0) return 2;
  let brightest = before;
  for (let i = 0; i < pixels.length && brightest < 2; i++) brightest = Math.max(brightest, pixels[i] as number);
  return Math.min(2, brightest);
}

const isPlain = ({ plain }: Section, { scalings, ...shape }: Preprocessing): boolean =>
  plain !== undefined &&
  (['height', 'width', 'channels'] as const).every((side) => plain.shape[side] === shape[side]) &&
  !scalings.some(({ type }) => type === 'uint8');

/** Pixels that need no change, read by position. */
async function* plainImages(
  { plain, from, to }: Section,
  batchSize: number,
  { signal }: DataOptions,
): AsyncGenerator<FittedImage> {
  if (!plain) return;
  const { path, offset, count, labels, shape } = plain;
  const bytes = bytesPerImage(shape);
  const reader = pixelReader([{ path, offset, images: count }], bytes);
  try {
    for (let start = from; start < to; start += batchSize) {
      stopIfAborted(signal);
      const read = Math.min(batchSize, to - start);
      const pixels = new Uint8Array(read * bytes);
      await reader.read(range(start, read), pixels);
      for (let i = 0; i < read; i++) {
        const id = String(start + i);
        yield { pixels: pixels.subarray(i * bytes, (i + 1) * bytes), id, label: labels?.[start + i] };
      }
    }
  } finally {
    await reader.close();
  }
}

async function* fittedImages(
  { entries, name }: Section,
  { preprocessing, strict, signal }: ShardOptions,
  skip: (image: SkippedImage) => void,
  counts: ShardCounts,
): AsyncGenerator<FittedImage> {
  const { scalings } = preprocessing;
  const look = async (entry: ImageEntry) => {
    const image = await storedImage(entry, preprocessing);
    if (!(image.values instanceof Uint8Array)) rangeOf(image.values, entry.where);
    counts.animated += Number(image.frames !== undefined);
    const scaled = image.type === 'uint8' || scalings.some(({ type }) => type === image.type);
    if (!scaled) return image.type;
    const { bytes, clipped } = await fitImage(image, preprocessing);
    counts.clipped += Number(clipped);
    return bytes;
  };
  for await (const { entry, result, failure } of inOrder(entries(), look, signal)) {
    if (failure) {
      if (strict) throw new InputError(`${failure.message}; --strict allows no unreadable image`);
      counts.done++;
      skip(skippedImage(entry, failure));
    } else if (typeof result === 'string') {
      throw new InputError(
        `${entry.where}: its pixels are ${result}, which the model was not trained on, and which of these numbers are black and white is decided by all images of ${name}; save them as 8 bits, or encode without --shards`,
      );
    } else yield { pixels: result, id: entry.id, label: entry.label };
  }
}
