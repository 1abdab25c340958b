/**
 * The whole campaign, until the time is over: `npm run torture -- [--minutes 60] [--commands export,site] [--faults KILL] [--jobs
 * 2] [--state FILE]`. Prints a table and ends with 1 if anything went wrong. With `--state`, what was tried is kept in the file,
 * and a campaign on the same version goes on from it. `TMPDIR=/dev/shm` spares the disk.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openExported } from '../../pipeline/inference/exported.ts';
import { killTest } from '../train/kill.ts';
import { commandNames as all, type CommandName } from './commands.ts';
import { faultNames as allFaults, type FaultName, faults } from './faults.ts';
import { flipBits } from './flips.ts';
import { lockRace } from './lock-race.ts';
import { Campaign } from './sweep.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    commands: { type: 'string', default: all.join() },
    faults: { type: 'string', default: allFaults.join() },
    jobs: { type: 'string', default: '1' },
    state: { type: 'string' },
  },
});
const asked = values.commands.split(',');
const commandNames = all.filter((name) => asked.includes(name));
const faultNames = allFaults.filter((name) => values.faults.split(',').includes(name));
const end = Date.now() + Number(values.minutes) * 60_000;
const columns = ['exit', 'output', 'left over', 'rerun', 'uncaught'] as const;
/** Milliseconds between two faults. */
const SLICE = 60_000;
let wrong = 0;

/** The calls of a command that are tried with some faults in turn, so that each call is tried once before one is again. */
interface Sweep {
  readonly name: CommandName;
  readonly faults: readonly FaultName[];
  readonly problems: string[];
  total: number;
  tried: number;
  slices: number;
}

const isRead = (fault: FaultName) => faults[fault].reads;
const kinds = [
  faultNames.filter((fault) => fault !== 'KILL' && !isRead(fault)),
  faultNames.filter(isRead),
  faultNames.filter((fault) => fault === 'KILL'),
].filter((kind) => kind.length > 0);
const earlier =
  values.state && existsSync(values.state) ? (JSON.parse(readFileSync(values.state, 'utf8')) as Sweep[]) : [];
const sweeps = kinds.flatMap((kind) =>
  commandNames.map(
    (name): Sweep =>
      earlier.find((one) => one.name === name && one.faults.join() === kind.join()) ?? {
        ...{ name, faults: kind, problems: [], total: 0, tried: 0, slices: 0 },
      },
  ),
);

/** Sweeps, those first of whose calls the smallest part was tried, until all faults of each were tried or the time is over. */
async function work(campaign: Campaign): Promise<void> {
  for (;;) {
    const left = end - Date.now();
    const passes = ({ total, tried }: Sweep) => (total === 0 ? 0 : tried / total);
    const [sweep] = sweeps
      .filter((one) => !busy.has(one) && passes(one) < one.faults.length)
      .sort((a, b) => passes(a) - passes(b));
    if (left <= 0 || !sweep) return;
    busy.add(sweep);
    const fault = sweep.faults[sweep.slices++ % sweep.faults.length] as FaultName;
    const calls = sweep.total === 0 ? {} : { calls: sweep.total - (sweep.tried % sweep.total) };
    const found = await campaign.sweep(sweep.name, fault, { ms: Math.min(SLICE, left), skip: sweep.tried, ...calls });
    sweep.total = found.total;
    sweep.tried += found.tried;
    sweep.problems.push(...found.problems.flatMap(({ problems }) => problems));
    wrong += found.problems.length;
    for (const problem of found.problems) console.error(`${sweep.name}, ${fault}: ${JSON.stringify(problem)}`);
    console.error(`${sweep.name}, ${fault}: ${found.tried} calls, ${sweep.tried} of ${sweep.total}`);
    if (values.state) writeFileSync(values.state, JSON.stringify([...new Set([...earlier, ...sweeps])], undefined, 1));
    busy.delete(sweep);
  }
}
const busy = new Set<Sweep>();

const folder = mkdtempSync(join(tmpdir(), 'convae-torture-'));
try {
  const { taken, double } = await lockRace({ processes: 6, rounds: 500 });
  wrong += double;
  console.log(`lock: 6 processes, 500 rounds, taken ${taken} times, ${double} times by two at once\n`);

  const campaigns = Array.from({ length: Number(values.jobs) }, (_, i) => new Campaign(join(folder, String(i))));
  for (const campaign of campaigns) await campaign.prepare(commandNames);
  await Promise.all(campaigns.map(work));
  console.log(`| ${['command', 'faults', 'file calls', 'runs with a fault', ...columns].join(' | ')} |`);
  console.log(`|${' --- |'.repeat(4 + columns.length)}`);
  for (const { name, faults, total, tried, problems } of sweeps) {
    const counts = columns.map((column) => problems.filter((problem) => problem === column).length);
    console.log(`| ${[name, faults.join(', '), total, tried, ...counts].join(' | ')} |`);
  }

  const whole = join((campaigns[0] as Campaign).root, 'exported');
  rmSync(join(whole, 'viewer'), { recursive: true, force: true }); // what a page kept is checked where it is used
  const flips = await flipBits(whole, 500, () =>
    openExported(whole).then(
      () => false,
      () => true,
    ),
  );
  wrong += flips.missed.length;
  console.log(`\nbits flipped in an exported model: ${flips.tried}, not found ${flips.missed.length}`);

  const { uninterrupted, killed, steps } = await killTest({
    ...{ engine: 'tfjs-cpu', model: 'tiny', epochs: 100 },
    ...{ kills: 20, seed: Date.now() % 1000 },
  });
  const equal = JSON.stringify(uninterrupted) === JSON.stringify(killed);
  wrong += equal ? 0 : 1;
  console.log(`training killed ${steps.length} times and resumed: ${equal ? 'equal' : 'DIFFERENT'}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = wrong > 0 ? 1 : 0;
