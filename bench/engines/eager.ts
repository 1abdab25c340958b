import * as tf from '@tensorflow/tfjs-core';
import { cae } from '../../models/cae.ts';
import { createEngine, prepareEngine } from '../../pipeline/train/engines/index.ts';
import { buildProgram } from '../../pipeline/train/program.ts';
import { caeOnMnist } from './cae.ts';
import { type Task, type Timing, timed } from './timing.ts';

/**
 * Times the model as tfjs runs it, kernel by kernel. Results are in the host's memory before a batch counts.
 * @throws EnvironmentError when the engine is unavailable
 */
export async function timeEager(
  engine: 'tfjs-node' | 'tfjs-node-gpu',
  task: Task,
  { threads, steps }: { threads: number; steps: number },
): Promise<Timing> {
  await prepareEngine(engine, 'auto', threads);
  const { size, dims, batch } = await caeOnMnist();
  const program = buildProgram(cae, size);
  const { description } = await createEngine(engine, 'auto', program, { threads });
  const { encode, decode } = program.autoencoder;
  const run = async (index: number) => {
    const output = tf.tidy((): tf.Tensor => {
      const pixels = tf.cast(tf.tensor4d(batch(index), dims, 'int32'), 'float32');
      const { latent } = encode({ image: tf.div(pixels, 255) });
      return task === 'encode' ? latent : decode(latent);
    });
    await output.data();
    output.dispose();
  };
  return { ...(await timed(steps, run)), description };
}
