/**
 * The same steps in convae's own training loop: `node --import tsx convae.ts THREADS STEPS`. Prints the milliseconds of
 * a step, everything between two steps included, as JSON.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cae } from '../../models/cae.ts';
import { silent } from '../../pipeline/train/progress.ts';
import { train } from '../../pipeline/train/train.ts';

const [threads = 2, steps = 100] = process.argv.slice(2).map(Number);
const folder = await mkdtemp(join(tmpdir(), 'convae-bench-'));
try {
  const { rate, train: metrics } = await train(
    {
      model: cae,
      data: 'mnist',
      run: join(folder, 'run'),
      resume: false,
      engine: 'onnx',
      device: 'cpu',
      threads,
      epochs: 1,
      seed: 0,
      limitTrain: steps * cae.recipe.batchSize,
      limitTest: 16,
    },
    { signal: new AbortController().signal, progress: silent },
  );
  console.log(JSON.stringify({ mean: (cae.recipe.batchSize / rate) * 1e3, loss: metrics.loss }));
} finally {
  await rm(folder, { recursive: true, force: true });
}
