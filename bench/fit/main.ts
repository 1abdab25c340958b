/**
 * One table of what trains tfjs programs that know nothing of it: tfjs's own backends `cpu` and `wasm`, tfjs-node, and the eager
 * backend `onnx`, beside the step as `compile` traces it. Each measurement runs in its own process, and they alternate.
 *
 *     npm run bench:fit                       # npm run setup:tfjs-node brings tfjs-node
 *     npm run bench:fit -- mnist vae          # only these programs
 *
 * ROUNDS (3), STEPS (60 batches an epoch), THREADS (all cores) and SYSTEMS (all; names separated by spaces) may be set in the
 * environment.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { describe, machine } from '../engines/machine.ts';
import { median, spread } from '../rounds.ts';
import type { Answer, Measured, SystemName } from './child.ts';
import { batchSizes, type ProgramName, programs } from './programs.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const STEPS = Number(process.env.STEPS ?? 60);
const THREADS = Number(process.env.THREADS ?? availableParallelism());
const EPOCHS = 3;
/** tfjs in plain JavaScript and in WebAssembly takes seconds a step: some are enough. */
const SLOW: ReadonlySet<SystemName> = new Set(['cpu', 'wasm']);
const systems = (process.env.SYSTEMS ?? 'cpu wasm tfjs-node onnx traced').split(' ') as SystemName[];

const all = Object.keys(programs) as ProgramName[];
const chosen = process.argv.slice(2) as ProgramName[];
const unknown = chosen.find((name) => !all.includes(name));
if (unknown !== undefined) {
  console.error(`there is no program ${unknown}; there is ${all.join(', ')}`);
  process.exit(2);
}

console.log(`${describe(machine())}, ${THREADS} threads`);
for (const program of chosen.length > 0 ? chosen : all) {
  const rounds = new Map<SystemName, Measured[]>();
  const leftOut: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const system of systems) {
      if (round > 0 && (SLOW.has(system) || !rounds.has(system))) continue;
      const answer = measure(system, program);
      if ('missing' in answer) leftOut.push(`${program}, ${system}: left out: ${answer.missing.split('\n')[0]}`);
      else rounds.set(system, [...(rounds.get(system) ?? []), answer]);
      console.error(`round ${round + 1}/${ROUNDS}: ${program}, ${system}`);
    }
  }
  console.log(`\n${program}, ms for a step of ${batchSizes[program]}: median (least–most) of ${ROUNDS} rounds`);
  console.log(format(rounds));
  console.log(leftOut.join('\n'));
}

function measure(system: SystemName, program: ProgramName): Answer {
  const child = fileURLToPath(new URL('child.ts', import.meta.url));
  const [epochs, steps] = SLOW.has(system) ? [2, 2] : [EPOCHS, STEPS];
  const args = ['--import', 'tsx', child, system, program, epochs, steps, THREADS].map(String);
  const output = execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Answer;
}

/** Steps of the last epoch: graphs are built in the first. */
function stepOf({ ms }: Measured): number {
  return ms.at(-1) ?? Number.NaN;
}

function format(rounds: ReadonlyMap<SystemName, readonly Measured[]>): string {
  const table = new Table({ head: ['', 'ms', '× traced', 'loss', 'graphs', 'MB'], style: { head: [], border: [] } });
  const traced = median(rounds.get('traced')?.map(stepOf) ?? []);
  for (const [system, measured] of rounds) {
    const steps = measured.map(stepOf);
    const [first] = measured;
    const ms = (value: number) => value.toFixed(1);
    table.push([
      system,
      `${ms(median(steps))} (${spread(steps, ms)})`,
      (median(steps) / traced).toFixed(2),
      first?.losses[0]?.toFixed(5) ?? '',
      first?.explanation?.graphs ?? '',
      median(measured.map(({ megabytes }) => megabytes)).toFixed(0),
    ]);
  }
  return table.toString();
}
