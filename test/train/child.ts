/**
 * A training process for tests: `child.ts RUN [--model tiny|cae] [--engine …] [--epochs n] [--checkpoint-steps n]`.
 * Prints `loaded` once its modules are loaded and `training` when training starts; exits with the CLI's exit codes.
 */
import { parseArgs } from 'node:util';
import { cae } from '../../models/cae.ts';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { silent } from '../../pipeline/io/progress.ts';
import { engineChoices } from '../../pipeline/train/engine.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { stripeSplits, stripes, tiny, tinyOptions } from './tiny.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'tiny' },
    engine: { type: 'string', default: 'tfjs-cpu' },
    epochs: { type: 'string', default: '2' },
    'checkpoint-steps': { type: 'string', default: '1' },
  },
});
const [run] = positionals;
const engine = engineChoices.find((name) => name === values.engine);
if (run === undefined || engine === undefined) throw new Error('usage: child.ts RUN [options]');

const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => controller.abort());
const small = { height: 12, width: 12, channels: 1 };
const [model, splits] =
  values.model === 'cae'
    ? [cae, { name: 'stripes', train: stripes(37, { shape: small }), test: stripes(11, { shape: small, salt: 5 }) }]
    : [tiny, stripeSplits()];
const options = tinyOptions(run, {
  model,
  engine,
  resume: true,
  batchSize: 8,
  epochs: Number(values.epochs),
  checkpointSteps: Number(values['checkpoint-steps']),
});
process.stdout.write('loaded\n');
try {
  const start = () => void process.stdout.write('training\n');
  await trainOn(splits, options, { signal: controller.signal, progress: { ...silent, start } });
} catch (error) {
  if (!(error instanceof Error && 'exitCode' in error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = Number(error.exitCode);
  if (error instanceof Interrupted) process.stdout.write('interrupted\n');
}
