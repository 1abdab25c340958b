/**
 * One table of what trains and encodes with these models: ONNX Runtime, TensorFlow and PyTorch, on CPU threads and on a GPU
 * where there is one. Systems take turns, round after round; what cannot run here is listed with the reason.
 *
 *     PYTHON=python3 npm run bench:engines               # PyTorch needs pip install torch numpy
 *     npm run bench:engines -- onnx tfjs-node --json     # only these rows, as JSON
 *     npm run bench:engines -- --models cae,resvae@64x64x3 --threads 1,4,16 --tasks train,encode
 *
 * ROUNDS (3), SECONDS (2, of each measurement, after warming up) and MINUTES (of all; no limit) may be set in the environment;
 * VERBOSE=1 shows what the systems write to stderr.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { InputError } from '../../pipeline/io/errors.ts';
import { machine } from './machine.ts';
import { format, json, type Row } from './report.ts';
import { Peer, pytorch, pytorchCuda, type System, systems, tasks } from './systems.ts';
import { type Workload, workloadOf } from './workload.ts';

const CORES = availableParallelism();
/** All models that train without another one. */
const MODELS = 'conv-ae,cae,cae2,cae-tsne,cvae,ccvae-decoder,ccvae,resae@64x64x3,resvae@64x64x3';
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    models: { type: 'string', default: MODELS },
    threads: { type: 'string', default: '1,2,4,8,16' },
    tasks: { type: 'string', default: 'train,encode' },
  },
});
const [rounds, seconds] = [positive('ROUNDS', 3), positive('SECONDS', 2)];
const minutes = positive('MINUTES', Number.POSITIVE_INFINITY);
const threadCounts = values.threads.split(',').map(Number);
if (!threadCounts.every((n) => Number.isInteger(n) && n > 0))
  stop(`--threads ${values.threads}: whole numbers were expected`);
const asked = tasks.filter((task) => values.tasks.split(',').includes(task));
if (asked.length < values.tasks.split(',').length) stop(`--tasks ${values.tasks}: there is ${tasks.join(', ')}`);
const names = systems.map(({ name }) => name);
const unknown = positionals.find((name) => !names.includes(name));
if (unknown !== undefined) stop(`there is no row ${unknown}; there is ${names.join(', ')}`);
const chosen = systems.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const workloads = values.models.split(',').map(workload);

const here = machine(); // before the load is ours
const fitting = threadCounts.filter((threads) => threads <= CORES);
const rows = workloads.flatMap((workload) =>
  [...fitting, 0].flatMap((threads) =>
    chosen
      .filter(({ gpu }) => gpu === (threads === 0))
      .map((system): Row => ({ workload, system, threads, rounds: {} })),
  ),
);
const leftOut = new Map<string, string>();
const tooMany = threadCounts.filter((threads) => threads > CORES);
if (tooMany.length > 0) leftOut.set(`${tooMany.join(', ')} threads`, `the machine has ${CORES} cores`);
const versions = new Map<string, string>();
const peers = new Map<string, Peer>();
/** Measurements for which there was no time. */
let late = 0;

for (let round = 1; round <= rounds; round++) {
  for (const task of asked) {
    for (const row of rows) {
      const { workload, system, threads } = row;
      const what = `${system.name}, ${workload.name}, ${task}`;
      if (leftOut.has(system.name) || leftOut.has(what)) continue;
      if (performance.now() > 60_000 * minutes) {
        late++;
        continue;
      }
      const count = threads || CORES;
      const peer = peerOf(system, count);
      const answer = await peer.ask({ task, workload: workload.name, batch: workload.batch, threads: count, seconds });
      const where = threads === 0 ? 'GPU' : `threads ${threads}`;
      if ('missing' in answer) {
        leftOut.set(versions.has(system.name) ? what : system.name, answer.missing);
        console.error(`${what}, ${where}: ${answer.missing}`);
        continue;
      }
      versions.set(system.name, answer.description.replace(/, \d+ threads/, ''));
      row.rounds[task] = [...(row.rounds[task] ?? []), answer];
      console.error(`round ${round}/${rounds}: ${what}, ${where}: ${answer.ms.toFixed(2)} ms`);
    }
  }
}
if (late > 0) leftOut.set(`${late} measurements`, `the time was over (MINUTES=${process.env.MINUTES})`);
await Promise.all([...peers.values()].map((peer) => peer.stop()));

for (const row of rows) {
  row.reference = rows.find(
    ({ workload, system, threads }) =>
      workload === row.workload && threads === row.threads && system === (threads ? pytorch : pytorchCuda),
  );
}
const result = { machine: here, rounds, seconds, tasks: asked, versions, rows, leftOut };
console.log(values.json ? json(result) : format(result));

function peerOf(system: System, threads: number): Peer {
  const key = `${system.name} ${threads}`;
  const peer = peers.get(key) ?? new Peer(system, threads);
  peers.set(key, peer);
  return peer;
}

function workload(name: string): Workload {
  try {
    return workloadOf(name);
  } catch (error) {
    if (error instanceof InputError) stop(error.message);
    throw error;
  }
}

/** A number of the environment. */
function positive(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise);
  return value > 0 ? value : stop(`${name}=${process.env[name]}: a number above 0 was expected`);
}

function stop(message: string): never {
  console.error(message);
  process.exit(2);
}
