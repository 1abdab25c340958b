/**
 * The whole campaign, until the time is over: `npm run torture -- [--minutes 60] [--commands export,site] [--faults KILL] [--jobs
 * 2]`. Prints a table and ends with 1 if anything went wrong. `TMPDIR=/dev/shm` spares the disk.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openExported } from '../../pipeline/inference/exported.ts';
import { killTest } from '../train/kill.ts';
import { commandNames as all } from './commands.ts';
import { faultNames as allFaults } from './faults.ts';
import { flipBits } from './flips.ts';
import { lockRace } from './lock-race.ts';
import { Campaign, type SweepResult } from './sweep.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    commands: { type: 'string', default: all.join() },
    faults: { type: 'string', default: allFaults.join() },
    jobs: { type: 'string', default: '1' },
  },
});
const asked = values.commands.split(',');
const commandNames = all.filter((name) => asked.includes(name));
const faultNames = allFaults.filter((name) => values.faults.split(',').includes(name));
const end = Date.now() + Number(values.minutes) * 60_000;
const columns = ['exit', 'output', 'left over', 'rerun', 'uncaught'] as const;
let wrong = 0;

function print(name: string, fault: string, { total, tried, problems }: SweepResult): void {
  const counts = columns.map((column) => problems.filter((problem) => problem.problems.includes(column)).length);
  wrong += problems.length;
  console.log(`| ${[name, fault, total, tried, ...counts].join(' | ')} |`);
  for (const problem of problems) console.error(`${name}, ${fault}: ${JSON.stringify(problem)}`);
}

const folder = mkdtempSync(join(tmpdir(), 'convae-torture-'));
try {
  const { taken, double } = await lockRace({ processes: 6, rounds: 500 });
  wrong += double;
  console.log(`lock: 6 processes, 500 rounds, taken ${taken} times, ${double} times by two at once\n`);

  console.log(`| ${['command', 'fault', 'file calls', 'tried', ...columns].join(' | ')} |`);
  console.log(`|${' --- |'.repeat(4 + columns.length)}`);
  const before = new Map<string, number>();
  const jobs = faultNames.flatMap((fault) => commandNames.map((name) => ({ fault, name })));
  const campaigns = Array.from({ length: Number(values.jobs) }, (_, i) => new Campaign(join(folder, String(i))));
  for (const campaign of campaigns) await campaign.prepare(commandNames);
  const work = async (campaign: Campaign) => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const { fault, name } = job;
      const share = campaigns.length / (jobs.length + campaigns.length);
      // Where the time does not suffice for all calls, other faults go on with others.
      const skip = before.get(name) ?? 0;
      const result = await campaign.sweep(name, fault, { ms: Math.max(0, end - Date.now()) * share, skip });
      before.set(name, skip + result.tried);
      print(name, fault, result);
    }
  };
  await Promise.all(campaigns.map(work));

  const whole = join((campaigns[0] as Campaign).root, 'exported');
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
