import { join } from 'node:path';
import { openClassifier } from '../analyse/classifier/classifier.ts';
import { evaluateSamples, type LabelledImages } from '../analyse/classifier/evaluate.ts';
import type { Report } from '../artifacts/report.ts';
import { imagesAtATime } from '../data/batches.ts';
import { heldOut, type ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { priorLatents } from '../generate/samplers.ts';
import { cacheFolder } from '../io/cache.ts';
import type { Tick } from '../io/stages.ts';
import type { Measuring } from './measure.ts';

/** Evaluates samples of a conditional model, its classes in turn, with a classifier trained on the training images. */
export async function measureGeneration(measuring: Measuring): Promise<NonNullable<Report['generation']>> {
  const { effort, threads, stages, signal } = measuring;
  const { train } = measuring.splits;
  const test = heldOut(measuring.splits);
  const classifier = await stages.run('classifier', (tick) =>
    openClassifier(train, { folder: join(cacheFolder(), 'classifiers'), threads, progress: tick, signal }),
  );
  try {
    const samples = drawSamples(measuring);
    const all = test.length + effort.generated;
    const evaluate = (tick: Tick) => {
      const progress = (images: number) => tick(Math.min(1, images / all));
      return evaluateSamples({ classifier, samples, testImages: test, progress, signal });
    };
    const { testAccuracy, ...measured } = await stages.run('samples', evaluate, all);
    return { ...measured, classifier: { accuracy: testAccuracy, images: test.length } };
  } finally {
    await classifier.close();
  }
}

/** Labels of samples: the classes in turn that the training images are of, since a classifier knows no others. */
export function labelsOfSamples({ labels }: Pick<ImageDataset, 'labels'>, count: number): Int32Array {
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  return Int32Array.from({ length: count }, (_, i) => classes[i % classes.length] as number);
}

async function* drawSamples(measuring: Measuring): AsyncGenerator<LabelledImages> {
  const { model, splits, sessions, effort, seed, signal } = measuring;
  const { latent, image } = model.card;
  const all = labelsOfSamples(splits.train, effort.generated);
  const batch = imagesAtATime(image);
  const generator = Generator.of(seed, 'judged samples');
  for (let start = 0; start < all.length; start += batch) {
    const labels = all.slice(start, start + batch);
    const latents = priorLatents(latent.size, labels.length, generator);
    yield { images: await sessions.decodeAll({ latents, labels }, { signal }), labels };
  }
}
