import { extname } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { openSplit, type Split } from '../data/open.ts';
import type { Device } from '../devices/device.ts';
import { checkFits, Encoder, openExported } from '../inference/encoder.ts';
import { InputError } from '../io/errors.ts';
import { npyWriter } from '../io/npy.ts';
import { publishFile } from '../io/publish.ts';
import { type LatentWriter, parquetWriter } from './parquet.ts';

export interface EncodeOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** What `--data` takes. */
  readonly data: string;
  readonly split: Split;
  /** `.parquet` or `.npy`. */
  readonly out: string;
  /** Whether to write reconstruction errors, which takes the decoder's time too; default: into Parquet yes. */
  readonly error?: boolean | undefined;
  /** Images in a batch; when not given, as many as suit their size. */
  readonly batchSize?: number | undefined;
  readonly device: Device;
  /** Threads that compute; the number of cores (at most 16) when not given. */
  readonly threads?: number | undefined;
  /** Stops; nothing is written. */
  readonly signal?: AbortSignal | undefined;
  /** Called as images are done. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

export interface EncodeResult {
  readonly rows: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly out: string;
}

/**
 * Encodes a data set with an exported model into a file of latents, a row for each image, in the data's order. Memory
 * does not grow with the number of images; the file appears whole or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function encode(options: EncodeOptions): Promise<EncodeResult> {
  const { exported, data, split, out, signal, progress } = options;
  const began = performance.now();
  const form = formOf(out);
  const errors = options.error ?? form === 'parquet';
  if (errors && form === 'npy') {
    throw new InputError(`${out}: an npy file holds latents only; choose a .parquet file for errors`);
  }
  const card = await openExported(exported);
  const dataset = await openSplit(data, split);
  try {
    checkFits(card, dataset, errors);
    const images = dataset.length;
    await publishFile(
      out,
      async (path) => {
        const encoder = await Encoder.start(card, { ...options, errors, images });
        try {
          const writer =
            form === 'npy' ? npyWriterOf(path, card, dataset) : parquetOf(path, card, dataset, options, errors);
          for await (const codes of encoder.codes(dataset, { errors, signal })) {
            await writer.write(codes);
            progress?.(codes.start + codes.count, images);
          }
          await writer.finish();
        } finally {
          await encoder.close();
        }
      },
      { signal },
    );
    const seconds = (performance.now() - began) / 1000;
    return { rows: images, seconds, imagesPerSecond: images / seconds, out };
  } finally {
    await dataset.close();
  }
}

function formOf(out: string): 'parquet' | 'npy' {
  const extension = extname(out).toLowerCase();
  if (extension === '.parquet') return 'parquet';
  if (extension === '.npy') return 'npy';
  throw new InputError(`${out}: its ending says no known format; name a .parquet or an .npy file`);
}

const npyWriterOf = (path: string, card: Card, { length }: ImageDataset): LatentWriter =>
  npyWriter(path, { rows: length, size: card.latent.size });

function parquetOf(
  path: string,
  card: Card,
  dataset: ImageDataset,
  { data, split }: EncodeOptions,
  errors: boolean,
): LatentWriter {
  const about = {
    model: card.model.name,
    encoder: `sha256:${card.files['encoder.onnx'].sha256}`,
    data,
    split,
    classes: dataset.classes ?? null,
    ...(errors ? { error: card.model.error } : {}),
  };
  return parquetWriter(path, dataset, { size: card.latent.size, errors, about });
}
