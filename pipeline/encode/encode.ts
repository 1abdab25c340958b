import { extname } from 'node:path';
import { type Judge, judgeOf } from '../analyse/outlier-score.ts';
import type { Card } from '../artifacts/card.ts';
import type { SkippedImage } from '../artifacts/image-index.ts';
import { openSplit, type Split } from '../data/open.ts';
import { unreadImages } from '../data/unread.ts';
import { checkFits, openEncoder, openExported, optionsFor } from '../inference/exported.ts';
import { type CommandOptions, encodingGraphs } from '../inference/plan.ts';
import { withSessions } from '../inference/sessions.ts';
import { InputError } from '../io/errors.ts';
import { npyWriter } from '../io/npy.ts';
import { publishFile, publishSidecar } from '../io/publish.ts';
import { checkTarget } from '../io/target.ts';
import { assignedOf } from './assigned.ts';
import { labelledOf, parquetWriter } from './parquet.ts';

export interface EncodeOptions extends CommandOptions {
  /** Value of `--data`. */
  readonly data: string;
  readonly split: Split;
  /** A `.parquet` or an `.npy` file. */
  readonly out: string;
  /** Whether to write reconstruction errors, which takes the decoder's time too; default: into Parquet yes. */
  readonly error?: boolean | undefined;
}

export interface EncodeResult {
  readonly rows: number;
  /** Images that could not be read, and have no row. */
  readonly skipped: number;
  /** Images that are flagged as outliers, where the card says what is normal, and the score of a single image. */
  readonly flagged?: number;
  readonly score?: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly out: string;
}

/** Images without a row that the file's metadata name. */
export const MOST_SKIPPED = 1000;

/**
 * Encodes a data set with an exported model into a file of latents, a row for each image that can be read, in the data's
 * order. Memory does not grow with the number of images; the file appears complete or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function encode(options: EncodeOptions): Promise<EncodeResult> {
  const { exported, data, split, out, dataOptions, note, signal, progress } = options;
  const began = performance.now();
  const format = formatOf(out);
  const errors = options.error ?? format === 'parquet';
  if (errors && format === 'npy') {
    throw new InputError(`${out}: an npy file holds latents only; choose a .parquet file for errors`);
  }
  await checkTarget('file', out);
  const model = await (errors ? openExported : openEncoder)(exported);
  const dataset = await openSplit(data, split, optionsFor(model.card, dataOptions));
  try {
    const { card } = model;
    checkFits(card, dataset, errors);
    const { length: images, skipped = [] } = dataset;
    const { size } = card.latent;
    const classes = dataset.classes ?? null;
    const clusters = card.clusters !== undefined && format === 'parquet';
    if (format === 'parquet') noteUnjudged(card, errors, note);
    const judging = counting(judgeOf(card, errors));
    const { judge } = judging;
    const about = aboutLatents(card, { data, split, classes, errors, skipped, skippedImages: skipped.length });
    await publishFile(
      out,
      async (path) => {
        const writer =
          format === 'npy'
            ? npyWriter(path, { rows: images, size })
            : parquetWriter(path, {
                size,
                errors,
                labelled: labelledOf(dataset),
                classes: dataset.classes,
                judge,
                assigned: clusters,
                about,
              });
        await withSessions(model, { ...options, graphs: encodingGraphs(errors), images }, async (sessions) => {
          for await (const batch of sessions.encode(dataset, { errors, clusters, signal })) {
            const { start, count } = batch;
            const assigned = assignedOf(card, batch.clusters);
            await writer.write({
              ...batch,
              assigned,
              ids: Array.from({ length: count }, (_, i) => dataset.id(start + i)),
            });
            progress?.(batch.start + batch.count, images);
          }
        });
        await writer.finish();
      },
      { signal },
    );
    if (format === 'npy') await publishSidecar(out, signal);
    if (skipped.length > 0) note?.(`${out}: no row for ${unreadImages(skipped)}`);
    const seconds = (performance.now() - began) / 1000;
    const { flagged, score } = judging;
    return {
      rows: images,
      skipped: skipped.length,
      ...(format === 'parquet' && judge && { flagged, ...(images === 1 && { score }) }),
      ...{ seconds, imagesPerSecond: images / seconds, out },
    };
  } finally {
    await dataset.close();
  }
}

/** Says that a model that says what is normal judges no image, where it judges by errors too. */
export function noteUnjudged(card: Card, errors: boolean, note: ((line: string) => void) | undefined): void {
  if (card.outliers && !judgeOf(card, errors)) {
    note?.('--no-error: there are no columns score and flag, since the model judges images by their errors, too');
  }
}

/** Counts what is judged. */
function counting(judge: Judge | undefined) {
  const judging = {
    flagged: 0,
    /** Of the last image. */
    score: 0,
    judge:
      judge &&
      ((...rows: Parameters<Judge>) => {
        const judged = judge(...rows);
        for (const flag of judged.flags) judging.flagged += Number(flag);
        judging.score = judged.scores.at(-1) ?? 0;
        return judged;
      }),
  };
  return judging;
}

/** What the metadata of a file of latents say, under the key `convae`. */
export const aboutLatents = (
  card: Card,
  about: {
    readonly data: string;
    readonly split: Split;
    readonly classes: readonly string[] | null;
    readonly errors: boolean;
    readonly skipped: readonly SkippedImage[];
    readonly skippedImages: number;
  },
) => {
  const { data, split, classes, errors, skipped, skippedImages } = about;
  return {
    model: card.model.name,
    encoder: `sha256:${card.files['encoder.onnx'].sha256}`,
    ...{ data, split, classes },
    ...(errors && { error: card.model.error }),
    ...(skippedImages > 0 && { skipped: skipped.slice(0, MOST_SKIPPED), skippedImages }),
  };
};

function formatOf(out: string): 'parquet' | 'npy' {
  const format = extname(out).slice(1).toLowerCase();
  if (format === 'parquet' || format === 'npy') return format;
  throw new InputError(`${out}: unknown file format; name a .parquet or an .npy file`);
}
