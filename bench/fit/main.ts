/**
 * One table of what trains tfjs programs that know nothing of it: tfjs's own backends `cpu` and `wasm`, tfjs-node, and the eager
 * backend `onnx`, beside the step as `compile` traces it. Each trains in its own process, and they take turns, an epoch each.
 *
 *     npm run bench:fit                       # npm run setup:tfjs-node brings tfjs-node
 *     npm run bench:fit -- mnist vae          # only these programs
 *     STEPS=2 ROUNDS=1 npm run bench:fit      # the losses of the same two steps everywhere
 *
 * ROUNDS (3), STEPS (60 batches an epoch), THREADS ("1 2") and SYSTEMS (all; names separated by spaces) may be set in the
 * environment.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { describe, machine } from '../engines/machine.ts';
import { median, spread } from '../rounds.ts';
import type { Answer, Measured, SystemName } from './child.ts';
import { batchSizes, type ProgramName, programs } from './programs.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const STEPS = Number(process.env.STEPS ?? 60);
const THREADS = (process.env.THREADS ?? '1 2').split(' ').map(Number);
/** Graphs are built in the first epoch, and V8 compiles the recording in the first three. */
const WARM_UP = 3;
const EPOCHS = 6;
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

/** A process that trains a program, an epoch at a time. */
class Training {
  readonly system: SystemName;
  readonly epochs: number;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(system: SystemName, program: ProgramName, threads: number) {
    const isSlow = SLOW.has(system);
    const steps = isSlow ? Math.min(STEPS, 2) : STEPS;
    this.system = system;
    this.epochs = isSlow ? 1 : EPOCHS;
    const child = fileURLToPath(new URL('child.ts', import.meta.url));
    const args = ['--import', 'tsx', child, system, program, this.epochs, steps, threads].map(String);
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'ignore', 'pipe'] });
    this.#answers = createInterface({ input: this.#child.stdio[3] as Readable })[Symbol.asyncIterator]();
  }

  async epoch(): Promise<Answer> {
    this.#child.stdin?.write('\n');
    const { value, done } = await this.#answers.next();
    return done ? { missing: 'the process has ended' } : (JSON.parse(value) as Answer);
  }

  end(): void {
    this.#child.kill();
  }
}

/** What was measured of one program: by system and number of threads, an entry for each epoch of each round. */
type Measurements = Map<SystemName, Map<number, Measured[]>>;

console.log(describe(machine()));
for (const program of chosen.length > 0 ? chosen : all) {
  const measurements: Measurements = new Map(systems.map((system) => [system, new Map()]));
  const leftOut: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const threads of THREADS) {
      const trainings = [...measurements]
        .filter(([system, measured]) => !(SLOW.has(system) && measured.size > 0))
        .map(([system]) => new Training(system, program, threads));
      for (let epoch = 0; epoch < EPOCHS; epoch++) {
        for (const training of trainings) {
          const { system } = training;
          const measured = measurements.get(system);
          if (!measured || epoch >= training.epochs) continue;
          const answer = await training.epoch();
          if ('missing' in answer) {
            leftOut.push(`${program}, ${system}: left out: ${answer.missing.split('\n')[0]}`);
            measurements.delete(system);
          } else measured.set(threads, [...(measured.get(threads) ?? []), answer]);
        }
      }
      for (const training of trainings) training.end();
      console.error(`round ${round + 1}/${ROUNDS}: ${program}, ${threads} thread(s)`);
    }
  }
  console.log(`\n${program}, ms for a step of ${batchSizes[program]}: median (least–most) of epochs`);
  console.log(format(measurements));
  console.log(leftOut.join('\n'));
}

/** Milliseconds of a step in each epoch after the first three, or in the only one. */
function stepsOf(measured: readonly Measured[] = []): number[] {
  const ms = measured.map(({ ms }) => ms);
  return ms.length < EPOCHS ? ms : ms.filter((_, i) => i % EPOCHS >= WARM_UP);
}

function format(measurements: Measurements): string {
  const columns = THREADS.flatMap((threads) => [`ms on ${threads}`, '× traced']);
  const table = new Table({ head: ['', ...columns, 'loss', 'graphs', 'MB'], style: { head: [], border: [] } });
  const ms = (value: number) => value.toFixed(1);
  for (const [system, measured] of measurements) {
    const times = THREADS.flatMap((threads) => {
      const steps = stepsOf(measured.get(threads));
      if (steps.length === 0) return ['', ''];
      const traced = stepsOf(measurements.get('traced')?.get(threads));
      // Epochs that were each other's neighbours, so that a machine that becomes slower slows both.
      const ratios =
        steps.length === traced.length
          ? steps.map((step, i) => step / (traced[i] as number))
          : [median(steps) / median(traced)];
      return [`${ms(median(steps))} (${spread(steps, ms)})`, median(ratios).toFixed(2)];
    });
    const all = [...measured.values()].flat();
    const last = all.at(-1);
    const megabytes = median(all.map(({ megabytes }) => megabytes)).toFixed(0);
    table.push([system, ...times, all[0]?.loss.toFixed(6) ?? '', last?.explanation?.graphs ?? '', megabytes]);
  }
  return table.toString();
}
