import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { activeUnits, klDivergence } from '../analyse/vae.ts';
import type { Card } from '../artifacts/card.ts';
import { readTraining } from '../artifacts/exported.ts';
import { openSplit } from '../data/open.ts';
import type { Device } from '../devices/device.ts';
import { Decoder } from '../inference/decoder.ts';
import { checkFits, Encoder, openExported } from '../inference/encoder.ts';
import { InputError } from '../io/errors.ts';
import { publishFolder } from '../io/publish.ts';
import { type StageProgress, Stages } from '../io/stages.ts';
import { encodeSet } from './codes.ts';
import { effortOf } from './effort.ts';
import { ACTIVE } from './measure.ts';
import { classNames } from './subject.ts';

export interface ReportOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** What `--data` takes; the data that the model was trained on when not given. */
  readonly data?: string | undefined;
  /** The folder that the pictures are written to; `pictures` in the model's when not given. */
  readonly out?: string | undefined;
  readonly seed: number;
  /** Images in a batch; when not given, as many as suit their size. */
  readonly batchSize?: number | undefined;
  readonly device: Device;
  /** Threads that compute; the number of cores (at most 16) when not given. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: StageProgress | undefined;
}

export interface DrawnReport {
  /** The pictures' folder. */
  readonly out: string;
  readonly pictures: readonly { readonly title: string; readonly files: readonly string[] }[];
  readonly seconds: number;
}

/**
 * Draws an exported model's pictures, as PNG and SVG. The folder appears whole or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function drawReport(options: ReportOptions): Promise<DrawnReport> {
  const { exported, seed, signal, progress } = options;
  const { out = join(exported, 'pictures') } = options;
  const card = await openExported(exported);
  const test = await openSplit(options.data ?? card.dataset.name, 'test').catch((error: unknown) => {
    if (options.data !== undefined || !(error instanceof InputError)) throw error;
    throw new InputError(
      `${error.message}; the model was trained on ${card.dataset.name}, give its images with --data`,
    );
  });
  try {
    checkFits(card, test, true);
    const stages = new Stages(
      [
        ['encoding', 2],
        ['pictures', 18],
      ],
      signal,
      progress,
    );
    const encoder = await Encoder.start(card, { ...options, errors: false, images: test.length });
    const codes = await stages
      .run(
        'encoding',
        (tick) => encodeSet(encoder, test, { size: card.latent.size, errors: false, signal, tick }),
        test.length,
      )
      .finally(() => encoder.close());
    const { drawPictures } = await import('./draw-pictures.ts'); // what draws takes a while to load
    const decoder = await Decoder.start(card, { ...options, images: test.length });
    try {
      const pictures = await stages.run('pictures', async (tick) =>
        drawPictures(
          {
            card,
            test,
            classes: classNames(card, { test }),
            latents: codes.latents,
            dimensions: dimensionsOf(card, codes.latents, codes.logvars),
            decode: (latents, labels) => decoder.decode({ latents, labels }, { signal }),
            training: await readTraining(exported),
            seed,
            effort: effortOf(test.shape, false),
          },
          tick,
        ),
      );
      const files = pictures.map(({ file, data, svg }) => [
        { name: file, data },
        ...(svg === undefined ? [] : [{ name: file.replace(/\.\w+$/, '.svg'), data: svg }]),
      ]);
      await publishFolder(
        out,
        async (folder) => {
          for (const { name, data } of files.flat()) await writeFile(join(folder, name), data);
        },
        { signal },
      );
      return {
        out,
        pictures: pictures.map(({ title }, i) => ({ title, files: files[i]?.map(({ name }) => name) ?? [] })),
        seconds: stages.elapsed,
      };
    } finally {
      await decoder.close();
    }
  } finally {
    await test.close();
  }
}

function dimensionsOf({ latent }: Card, latents: Float32Array, logvars: Float32Array | undefined) {
  if (!logvars) return undefined;
  const { perDimension } = klDivergence(latents, logvars, latent.size);
  const { variances } = activeUnits(latents, latent.size, ACTIVE);
  return { kl: [...perDimension], active: Array.from(variances, (variance) => variance > ACTIVE) };
}
