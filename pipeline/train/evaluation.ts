import { addMetrics, type MetricSums, noSums } from '../artifacts/metrics.ts';
import { readBatches } from '../data/batches.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { controlsAt } from './controls.ts';
import type { Trained } from './pictures.ts';
import { drawNoise } from './program.ts';
import type { Evaluations } from './stopping.ts';
import type { Targets } from './targets.ts';

interface Evaluated extends Trained {
  readonly targets?: Targets | undefined;
}

/** Losses summed over the images that are not trained on. @param beforeBatch awaited before each batch; its errors end the work */
export async function evaluate(trained: Evaluated, beforeBatch: () => Promise<void>): Promise<Evaluations> {
  const { val, test } = trained.data;
  return {
    val: val && (await sumsOver(val, trained, beforeBatch)),
    test: test && (await sumsOver(test, trained, beforeBatch)),
  };
}

async function sumsOver(
  images: ImageDataset,
  { plan, program, engine, targets }: Evaluated,
  beforeBatch: () => Promise<void>,
): Promise<MetricSums> {
  const noise = Generator.of(0, 'evaluation'); // the same for all runs, so that their losses compare
  const controls = controlsAt(plan.recipe, Number.POSITIVE_INFINITY, 1); // the KL weight that training ends with
  let sums = noSums;
  for await (const batch of readBatches(images, plan.recipe.batchSize)) {
    await beforeBatch();
    const target = targets?.of(await engine.assign(batch));
    const given = { ...batch, noise: drawNoise(program, batch.count, noise), target, controls };
    const metrics = await engine.evaluate(given);
    sums = addMetrics(sums, metrics, batch.count);
  }
  return sums;
}
