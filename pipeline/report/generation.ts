import { join } from 'node:path';
import { openClassifier } from '../analyse/classifier/classifier.ts';
import { judgeSamples, type LabelledImages } from '../analyse/classifier/judge.ts';
import type { Card } from '../artifacts/card.ts';
import type { Report } from '../artifacts/report.ts';
import type { DatasetSplits } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { priorLatents } from '../generate/samplers.ts';
import type { Sessions } from '../inference/sessions.ts';
import { cacheFolder } from '../io/cache.ts';
import type { Stages } from '../io/stages.ts';

/** Samples decoded at a time. */
const BATCH = 500;

export interface GenerationOptions {
  readonly card: Card;
  readonly splits: DatasetSplits;
  readonly sessions: Sessions;
  readonly samples: number;
  readonly seed: number;
  readonly threads?: number | undefined;
  readonly stages: Stages;
  readonly signal?: AbortSignal | undefined;
}

/** Judges samples of a conditional model, its classes in turn, by a classifier trained on the training images. */
export async function measureGeneration(options: GenerationOptions): Promise<NonNullable<Report['generation']>> {
  const { card, splits, sessions, samples, seed, threads, stages, signal } = options;
  const { train, test } = splits;
  const classifier = await stages.run('classifier', (tick) =>
    openClassifier(train, { folder: join(cacheFolder(), 'classifiers'), threads, progress: tick, signal }),
  );
  try {
    const all = test.length + samples;
    const judgement = await stages.run(
      'samples',
      (tick) =>
        judgeSamples({
          classifier,
          samples: drawSamples(card, sessions, samples, seed, signal),
          testImages: test,
          progress: (images) => tick(Math.min(1, images / all)),
          signal,
        }),
      all,
    );
    return {
      samples: judgement.samples,
      accuracy: judgement.accuracy,
      frechet: judgement.frechet,
      classifier: { accuracy: judgement.testAccuracy, images: test.length },
    };
  } finally {
    await classifier.close();
  }
}

async function* drawSamples(
  { latent, classes }: Card,
  sessions: Sessions,
  samples: number,
  seed: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<LabelledImages> {
  const generator = Generator.of(seed, 'judged samples');
  const count = classes?.length ?? 1;
  for (let start = 0; start < samples; start += BATCH) {
    const n = Math.min(BATCH, samples - start);
    const labels = Int32Array.from({ length: n }, (_, i) => (start + i) % count);
    const images = await sessions.decodeAll({ latents: priorLatents(latent.size, n, generator), labels }, { signal });
    yield { images, labels };
  }
}
