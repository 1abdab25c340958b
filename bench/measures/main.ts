/**
 * k-means (k = 100, one start, at most 10 iterations) and the 10 nearest neighbours of 10,000 queries, beside scikit-learn's on as
 * many threads. Each measurement runs in its own process, and they alternate.
 *
 *     PYTHON=python3 node --import tsx bench/measures/main.ts [latents (1,000,000) [rounds (3)]]     # Python with scikit-learn
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { Generator } from '../../pipeline/data/generator.ts';
import { median, spread } from '../rounds.ts';
import type { Measured } from './child.ts';

const [count = '1000000', rounds = '3'] = process.argv.slice(2);
const [n, size, clusters] = [Number(count), 32, 100];
const threads = String(availableParallelism());

/** Rows around as many centres as there are clusters, whose neighbourhoods overlap. */
function overlapping(): Float32Array {
  const generator = Generator.of(0, 'rows');
  const [rows, centres] = [new Float32Array(n * size), new Float32Array(clusters * size)];
  generator.fillNormal(rows);
  generator.fillNormal(centres);
  return rows.map((value, at) => value + 0.7 * (centres[(Math.floor(at / size) % clusters) * size + (at % size)] ?? 0));
}

const scratch = await mkdtemp(join(tmpdir(), 'convae-bench-measures-'));
try {
  const file = join(scratch, 'rows.f32');
  await writeFile(file, overlapping());
  const systems: Record<string, readonly [string, ...string[]]> = {
    convae: [process.execPath, '--import', 'tsx', join(import.meta.dirname, 'child.ts')],
    'scikit-learn': [process.env.PYTHON ?? 'python3', join(import.meta.dirname, 'sklearn_peer.py')],
  };
  const table = new Table({ head: ['', '', 's', '× scikit-learn', 'MiB'], style: { head: [], border: [] } });
  for (const task of ['k-means', 'neighbours']) {
    const measured = new Map<string, Measured[]>();
    for (let round = 0; round < Number(rounds); round++) {
      for (const [name, [program, ...args]] of Object.entries(systems)) {
        const env = { ...process.env, OMP_NUM_THREADS: threads };
        const printed = execFileSync(program, [...args, task, file, `${size}`, `${clusters}`], {
          encoding: 'utf8',
          env,
        });
        measured.set(name, [...(measured.get(name) ?? []), JSON.parse(printed) as Measured]);
        console.error(`round ${round + 1}/${rounds}: ${task}, ${name}`);
      }
    }
    const secondsOf = (name: string) => (measured.get(name) ?? []).map(({ seconds }) => seconds);
    for (const [name, all] of measured) {
      const text = `${median(secondsOf(name)).toFixed(1)} (${spread(secondsOf(name), (value) => value.toFixed(1))})`;
      const ratio = (median(secondsOf(name)) / median(secondsOf('scikit-learn'))).toFixed(2);
      table.push([task, name, text, ratio, median(all.map(({ megabytes }) => megabytes)).toFixed(0)]);
    }
  }
  console.log(`${n.toLocaleString('en')} × ${size}, ${threads} threads\n${table.toString()}`);
} finally {
  await rm(scratch, { recursive: true });
}
