import { expect, test } from 'vitest';
import { compareWithCpu } from '../../pipeline/inference/compared.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { type Graphs, type Pool, startPool } from '../../pipeline/inference/pool.ts';
import { Unavailable } from '../../pipeline/io/errors.ts';
import { scratchFolder } from '../data/support.ts';
import { exportTiny } from '../encode/tiny-model.ts';

const scratch = scratchFolder();
const model = await openExported(await exportTiny(scratch('tiny')));
const graphs: Graphs = {
  encoder: { source: model.encoder },
  decoder: { source: model.decoder, outputs: { image: 'reconstruction' } },
};
const options = { provider: 'cpu', workers: 1, session: { intraOpNumThreads: 1, logSeverityLevel: 4 } } as const;

test('a pool that computes as the CPU is used, and one whose encoder or decoder differs is refused', async () => {
  const pool = await startPool(graphs, options);
  /** A pool that is wrong in the last number of a tensor. */
  const wrongIn = (name: string): Pool => ({
    ...pool,
    run: async (job) => {
      const done = await pool.run(job);
      const data = done.tensors[name]?.data;
      if (data) data[data.length - 1] = Number(data.at(-1)) + 1;
      return done;
    },
  });
  try {
    await compareWithCpu(pool, graphs, options, model.card);
    for (const name of ['latent', 'reconstruction']) {
      await expect(compareWithCpu(wrongIn(name), graphs, options, model.card), name).rejects.toThrow(Unavailable);
    }
  } finally {
    await pool.stop();
  }
});
