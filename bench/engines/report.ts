import Table from 'cli-table3';
import { median, spread } from '../rounds.ts';
import { describe, type Machine } from './machine.ts';
import type { System } from './systems.ts';
import type { Task, Timing } from './timing.ts';
import type { Workload } from './workload.ts';

/** A system's rounds with a model at a number of threads. */
export interface Row {
  readonly workload: Workload;
  readonly system: System;
  /** 0 on a GPU. */
  readonly threads: number;
  /** In the order of the rounds; a task that was not measured is absent. */
  readonly rounds: { [task in Task]?: readonly Timing[] };
  /** PyTorch's, which this one's times are divided by. */
  reference?: Row | undefined;
}

export interface Result {
  readonly machine: Machine;
  readonly rounds: number;
  readonly seconds: number;
  readonly tasks: readonly Task[];
  /** By system. */
  readonly versions: ReadonlyMap<string, string>;
  readonly rows: readonly Row[];
  /** Why, by what was not measured. */
  readonly leftOut: ReadonlyMap<string, string>;
}

const titles: { readonly [task in Task]: string } = { train: 'training step', forward: 'forward', encode: 'encode' };

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 1);
const times = (row: Row | undefined, task: Task): number[] => row?.rounds[task]?.map(({ ms }) => ms) ?? [];

/** Time relative to the reference's, of medians; undefined where there is none. */
function ratio(row: Row, task: Task): number | undefined {
  const value = median(times(row, task)) / median(times(row.reference, task));
  return row.reference !== row && Number.isFinite(value) ? value : undefined;
}

/** The result for people. */
export function format({ machine, rounds, seconds, tasks, versions, rows, leftOut }: Result): string {
  const head = ['model', 'batch', 'system', 'threads', ...tasks.map((task) => titles[task])];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const row of rows.filter(({ system }) => !leftOut.has(system.name))) {
    const { workload, system, threads } = row;
    table.push([workload.name, workload.batch, system.name, threads || 'GPU', ...tasks.map((task) => cell(row, task))]);
  }
  return [
    describe(machine),
    ...[...versions].map(([name, description]) => `${name}: ${description}`),
    '',
    `ms for a batch of images in memory: median (least–most) of ${rounds} × ${seconds} s; encode also in images/s`,
    "× is relative to PyTorch's time on as many threads, on a GPU to PyTorch's there; less is faster",
    'onnx, forward and encode: the exported models as convae encode runs them, a session for each thread',
    table.toString(),
    ...[...leftOut].map(([what, reason]) => `not measured: ${what}: ${reason}`),
  ].join('\n');
}

function cell(row: Row, task: Task): string {
  const values = times(row, task);
  if (values.length === 0) return 'not measured';
  const [relative, middle] = [ratio(row, task), median(values)];
  const rate = task === 'encode' ? `, ${((1000 * row.workload.batch) / middle).toFixed(0)}/s` : '';
  const range = values.length > 1 ? ` (${spread(values, ms)})` : '';
  return `${ms(middle)}${range}${rate}${relative === undefined ? '' : ` ×${relative.toFixed(2)}`}`;
}

/** The result for programs. */
export const json = ({ rows, versions, leftOut, ...result }: Result): string =>
  JSON.stringify({
    ...result,
    versions: Object.fromEntries(versions),
    leftOut: Object.fromEntries(leftOut),
    rows: rows.map((row) => ({
      model: row.workload.name,
      batch: row.workload.batch,
      system: row.system.name,
      threads: row.threads || null,
      tasks: Object.fromEntries(
        Object.entries(row.rounds).map(([task, rounds]) => [
          task,
          { ms: median(times(row, task as Task)), ratio: ratio(row, task as Task) ?? null, rounds },
        ]),
      ),
    })),
  });
