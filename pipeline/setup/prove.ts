/**
 * `prove.ts ENGINE`: trains cae for two steps with an engine of tfjs-node and with tfjs in plain JavaScript. Prints a
 * line that describes the engine; fails where the losses differ.
 */
import { cae } from '../../models/cae.ts';
import { heldOut } from '../data/dataset.ts';
import { openSplits } from '../data/open.ts';
import { EnvironmentError } from '../io/errors.ts';
import { createTfjsEngine, type TfjsName, useTfjsBackend } from '../train/engines/tfjs.ts';
import { buildProgram } from '../train/program.ts';

const STEPS = 2;
const IMAGES = 2;
/** Float32 rounds each loss to 6e-8; the updates amplify that. */
const TOLERANCE = 1e-5;

async function lossesOf(name: TfjsName, images: Uint8Array): Promise<{ losses: number[]; description: string }> {
  await useTfjsBackend(name, 0);
  const program = buildProgram(cae, { height: 28, width: 28, channels: 1, latent: 10, classes: 10, seed: 0 });
  const engine = await createTfjsEngine(program, { name });
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    losses.push((await engine.step({ count: IMAGES, images })).loss ?? Number.NaN);
  }
  return { losses, description: engine.description };
}

const held = heldOut(await openSplits('mnist'));
const images = new Uint8Array(IMAGES * 784);
await held.read([0, 1], images);
try {
  const name = process.argv[2] as TfjsName;
  const expected = await lossesOf('tfjs-cpu', images);
  const { losses, description } = await lossesOf(name, images);
  const difference = Math.max(...losses.map((loss, i) => Math.abs(loss - (expected.losses[i] ?? Number.NaN))));
  if (!(difference <= TOLERANCE)) {
    throw new EnvironmentError(`error: its losses are ${losses}, those of plain JavaScript ${expected.losses}`);
  }
  console.log(description);
} catch (error) {
  console.error(error instanceof EnvironmentError ? error.message : error);
  process.exitCode = 3;
}
