/**
 * One table of what trains and runs `cae`: ONNX Runtime, TensorFlow, PyTorch, on one thread and on two, and on a GPU where
 * there is one. Each measurement runs in its own process, and they alternate, round after round.
 *
 *     PYTHON=python3 npm run bench:engines               # PyTorch needs pip install torch numpy
 *     npm run bench:engines -- onnx tfjs-node --json     # only these rows, as JSON
 *
 *     npm run bench:engines -- --threads 1,4,16 --tasks train,encode
 *
 * ROUNDS (5) and STEPS (300 batches a round, after warming up) may be set in the environment.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { BATCH } from './cae.ts';
import { machine } from './machine.ts';
import { format, json, type Row } from './report.ts';
import { measure, pytorch, pytorchCuda, type System, systems, tasks } from './systems.ts';
import { type Task, type Timing, WARM_UP } from './timing.ts';

/** Batches of MNIST: at most an epoch is measured. */
const MOST_STEPS = Math.floor(60_000 / BATCH) - WARM_UP;
const ROUNDS = whole('ROUNDS', 5, 1000);
const STEPS = whole('STEPS', 300, MOST_STEPS);

const options = { json: { type: 'boolean' }, threads: { type: 'string' }, tasks: { type: 'string' } } as const;
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const THREADS = (values.threads?.split(',').map(Number) ?? [1, 2]).filter((n) => n <= availableParallelism());
if (THREADS.length === 0 || !THREADS.every((n) => Number.isInteger(n) && n > 0)) {
  stop(`--threads ${values.threads}: whole numbers from 1 to ${availableParallelism()} were expected`);
}
const MOST_THREADS = Math.max(...THREADS);
const asked = tasks.filter((task) => values.tasks?.split(',').includes(task) ?? true);
if (asked.length < (values.tasks?.split(',').length ?? 0))
  stop(`--tasks ${values.tasks}: there is ${tasks.join(', ')}`);
const names = systems.map(({ name }) => name);
const unknown = positionals.find((name) => !names.includes(name));
if (unknown !== undefined) stop(`there is no row ${unknown}; there is ${names.join(', ')}`);

interface Measured {
  readonly system: System;
  readonly threads: number;
  readonly rounds: { [task in Task]?: Timing[] };
}

const here = machine(); // before the load is ours
const versions: string[] = [];
const leftOut: { system: string; reason: string }[] = [];
const present = systems.filter((system) => {
  if (positionals.length > 0 && !positionals.includes(system.name)) return false;
  const answer = measure(system, 'encode', MOST_THREADS, 1);
  if ('missing' in answer) leftOut.push({ system: system.name, reason: answer.missing });
  else versions.push(`${system.name}: ${answer.description}`);
  return !('missing' in answer);
});

const measured = [...THREADS, 0].flatMap((threads) =>
  present
    .filter(({ gpu }) => gpu === (threads === 0))
    .map((system): Measured => ({ system, threads, rounds: Object.fromEntries(asked.map((task) => [task, []])) })),
);
for (let round = 1; round <= ROUNDS; round++) {
  for (const task of asked) {
    for (const { system, threads, rounds } of measured) {
      const timings = rounds[task];
      if (!timings) continue;
      const answer = measure(system, task, threads || MOST_THREADS, STEPS);
      if ('missing' in answer) throw new Error(`${system.name}: ${answer.missing}`);
      timings.push(answer);
      const where = threads === 0 ? 'GPU' : `threads ${threads}`;
      console.error(`round ${round}/${ROUNDS}: ${system.name}, ${task}, ${where}: ${answer.ms.toFixed(2)} ms`);
    }
  }
}

const rows = measured.map(({ system: { name }, threads, rounds }): Row => {
  const reference = measured.find(
    ({ system, threads: others }) =>
      system === (threads ? pytorch : pytorchCuda) && others === threads && system.name !== name,
  );
  return { system: name, threads, rounds, reference: reference && { ...reference, system: reference.system.name } };
});
const result = { machine: here, rounds: ROUNDS, steps: STEPS, batch: BATCH, versions, rows, leftOut };
console.log(values.json ? json(result) : format(result));

/** A whole number from 1 to `most` of the environment. */
function whole(name: string, otherwise: number, most: number): number {
  const value = Number(process.env[name] ?? otherwise);
  return Number.isInteger(value) && value >= 1 && value <= most
    ? value
    : stop(`${name}=${process.env[name]}: a whole number from 1 to ${most} was expected`);
}

function stop(message: string): never {
  console.error(message);
  process.exit(2);
}
