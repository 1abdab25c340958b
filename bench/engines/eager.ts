import * as tf from '@tensorflow/tfjs-core';
import { createEngine, prepareEngine } from '../../pipeline/train/engines/index.ts';
import { buildProgram } from '../../pipeline/train/program.ts';
import { clock, type Request, type Timing } from './timing.ts';
import { imagesFor, type Workload } from './workload.ts';

/**
 * Times the model as tfjs runs it, kernel by kernel. Results are in the host's memory before a batch counts.
 * @throws EnvironmentError when the engine is unavailable
 */
export async function timeEager(
  engine: 'tfjs-node' | 'tfjs-node-gpu',
  workload: Workload,
  { task, threads, seconds }: Request,
): Promise<Timing> {
  await prepareEngine(engine, 'auto', threads);
  const { dims, batch, labels } = await imagesFor(workload);
  const program = buildProgram(workload.model, workload.size);
  const { description } = await createEngine(engine, 'auto', program, { threads });
  const { encode, decode } = program.autoencoder;
  const time = clock(seconds);
  for (let index = 0, done = false; !done; index++) {
    const output = tf.tidy((): tf.Tensor => {
      const pixels = tf.cast(tf.tensor4d(batch(index), dims, 'int32'), 'float32');
      const label = tf.tensor1d(labels.subarray(0, dims[0]), 'int32');
      const { latent } = encode({ image: tf.div(pixels, 255), label });
      return task === 'encode' ? latent : decode(latent, label);
    });
    await output.data();
    output.dispose();
    done = time.tick();
  }
  tf.dispose(program.variables);
  return { ...time.read(), description };
}
