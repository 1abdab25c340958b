import Table from 'cli-table3';
import { median, spread } from '../rounds.ts';
import type { Machine } from './machine.ts';
import { describe } from './machine.ts';
import { tasks } from './systems.ts';
import type { Task, Timing } from './timing.ts';

/** A system's rounds at a number of threads. */
export interface Row {
  readonly system: string;
  /** 0 on a GPU. */
  readonly threads: number;
  /** In the order of the rounds; a task that the system cannot do is absent. */
  readonly rounds: { readonly [task in Task]?: readonly Timing[] };
  /** The row that this one's times are divided by; absent where PyTorch is. */
  readonly reference?: Row | undefined;
}

export interface Result {
  readonly machine: Machine;
  readonly rounds: number;
  readonly steps: number;
  readonly batch: number;
  readonly versions: readonly string[];
  readonly rows: readonly Row[];
  readonly leftOut: readonly { readonly system: string; readonly reason: string }[];
}

const titles: { readonly [task in Task]: string } = { train: 'training step', forward: 'forward', encode: 'encode' };

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 1);
const times = (row: Row | undefined, task: Task): number[] => row?.rounds[task]?.map(({ ms }) => ms) ?? [];

/** Time relative to the reference's, of medians; undefined where there is none. */
function ratio(row: Row, task: Task): number | undefined {
  const value = median(times(row, task)) / median(times(row.reference, task));
  return Number.isFinite(value) ? value : undefined;
}

/** The result as text. */
export function format(result: Result): string {
  const { rounds, steps, batch, versions, rows, leftOut } = result;
  const table = new Table({
    head: ['', 'threads', ...tasks.map((task) => titles[task]), 'busy cores'],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    const all = Object.values(row.rounds).flat();
    table.push([
      row.system,
      row.threads || 'GPU',
      ...tasks.map((task) => cell(row, task)),
      spread(
        all.map(({ cores }) => cores),
        (cores) => cores.toFixed(2),
      ),
    ]);
  }
  return [
    describe(result.machine),
    ...versions,
    '',
    `cae on MNIST in memory, ms for a batch of ${batch}: median (least–most) of ${rounds} × ${steps} batches`,
    `× is relative to PyTorch's time on as many threads, on a GPU to PyTorch's there; less is faster`,
    'onnx, forward and encode: the exported models as convae encode runs them, a session for each thread',
    table.toString(),
    ...leftOut.map(({ system, reason }) => `left out: ${system}: ${reason}`),
  ].join('\n');
}

function cell(row: Row, task: Task): string {
  const values = times(row, task);
  if (values.length === 0) return '–';
  const relative = ratio(row, task);
  return `${ms(median(values))} (${spread(values, ms)})${relative === undefined ? '' : ` ×${relative.toFixed(2)}`}`;
}

/** The result for programs. */
export const json = (result: Result): string =>
  JSON.stringify({
    ...result,
    rows: result.rows.map((row) => ({
      system: row.system,
      threads: row.threads || null,
      tasks: Object.fromEntries(
        Object.entries(row.rounds).map(([task, rounds]) => [
          task,
          { ms: median(times(row, task as Task)), ratio: ratio(row, task as Task) ?? null, rounds },
        ]),
      ),
    })),
  });
