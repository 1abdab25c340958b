/**
 * One table of what trains tfjs programs that know nothing of it: tfjs's own backends `cpu` and `wasm`, tfjs-node, and the eager
 * backend `onnx`, beside the step as `compile` traces it. Each measurement runs in its own process, and they alternate.
 *
 *     npm run bench:fit                       # npm run setup:tfjs-node brings tfjs-node
 *     npm run bench:fit -- mnist vae          # only these programs
 *     STEPS=2 ROUNDS=1 npm run bench:fit      # the losses of the same two steps everywhere
 *
 * ROUNDS (3), STEPS (60 batches an epoch), THREADS ("1 2") and SYSTEMS (all; names separated by spaces) may be set in the
 * environment.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { describe, machine } from '../engines/machine.ts';
import { median, spread } from '../rounds.ts';
import type { Answer, Measured, SystemName } from './child.ts';
import { batchSizes, type ProgramName, programs } from './programs.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const STEPS = Number(process.env.STEPS ?? 60);
const THREADS = (process.env.THREADS ?? '1 2').split(' ').map(Number);
const EPOCHS = 5;
/** tfjs in plain JavaScript and in WebAssembly has one thread and takes seconds a step: one or two are enough. */
const SLOW: ReadonlySet<SystemName> = new Set(['cpu', 'wasm']);
const systems = (process.env.SYSTEMS ?? 'cpu wasm tfjs-node onnx traced').split(' ') as SystemName[];

const all = Object.keys(programs) as ProgramName[];
const chosen = process.argv.slice(2) as ProgramName[];
const unknown = chosen.find((name) => !all.includes(name));
if (unknown !== undefined) {
  console.error(`there is no program ${unknown}; there is ${all.join(', ')}`);
  process.exit(2);
}

/** What was measured of one program: by system and number of threads. */
type Measurements = Map<SystemName, Map<number, Measured[]>>;

console.log(describe(machine()));
for (const program of chosen.length > 0 ? chosen : all) {
  const measurements: Measurements = new Map(systems.map((system) => [system, new Map()]));
  const leftOut: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const threads of THREADS) {
      for (const system of systems) {
        const measured = measurements.get(system);
        if (!measured || (SLOW.has(system) && measured.size > 0)) continue;
        const answer = measure(system, program, threads);
        if ('missing' in answer) {
          leftOut.push(`${program}, ${system}: left out: ${answer.missing.split('\n')[0]}`);
          measurements.delete(system);
        } else measured.set(threads, [...(measured.get(threads) ?? []), answer]);
        console.error(`round ${round + 1}/${ROUNDS}: ${program}, ${system}, ${threads} thread(s)`);
      }
    }
  }
  console.log(`\n${program}, ms for a step of ${batchSizes[program]}: median (least–most) of ${ROUNDS} rounds`);
  console.log(format(measurements));
  console.log(leftOut.join('\n'));
}

function measure(system: SystemName, program: ProgramName, threads: number): Answer {
  const child = fileURLToPath(new URL('child.ts', import.meta.url));
  const [epochs, steps] = SLOW.has(system) ? [1, Math.min(STEPS, 2)] : [EPOCHS, STEPS];
  const args = ['--import', 'tsx', child, system, program, epochs, steps, threads].map(String);
  const output = execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Answer;
}

/** Milliseconds of a step in the last epoch: graphs are built in the first, and V8 compiles the recording in the first three. */
function stepsOf(measured: readonly Measured[] = []): number[] {
  return measured.map(({ ms }) => ms.at(-1) ?? Number.NaN);
}

function format(measurements: Measurements): string {
  const columns = THREADS.flatMap((threads) => [`ms on ${threads}`, '× traced']);
  const table = new Table({ head: ['', ...columns, 'loss', 'graphs', 'MB'], style: { head: [], border: [] } });
  const ms = (value: number) => value.toFixed(1);
  for (const [system, measured] of measurements) {
    const times = THREADS.flatMap((threads) => {
      const steps = stepsOf(measured.get(threads));
      if (steps.length === 0) return ['', ''];
      const traced = median(stepsOf(measurements.get('traced')?.get(threads)));
      return [`${ms(median(steps))} (${spread(steps, ms)})`, (median(steps) / traced).toFixed(2)];
    });
    const all = [...measured.values()].flat();
    const [first] = all;
    const megabytes = median(all.map(({ megabytes }) => megabytes)).toFixed(0);
    table.push([system, ...times, first?.losses[0]?.toFixed(6) ?? '', first?.explanation?.graphs ?? '', megabytes]);
  }
  return table.toString();
}
