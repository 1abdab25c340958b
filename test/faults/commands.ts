/** The commands under test, on a model and images so small that each takes a fraction of a second. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { cluster } from '../../pipeline/cluster/cluster.ts';
import { encode } from '../../pipeline/encode/encode.ts';
import { encodeShards } from '../../pipeline/encode/encode-shards.ts';
import { mergeShards } from '../../pipeline/encode/merge-shards.ts';
import { planShards } from '../../pipeline/encode/plan-shards.ts';
import { exportRun } from '../../pipeline/export/export.ts';
import { reconstruct } from '../../pipeline/generate/reconstruct.ts';
import { sample } from '../../pipeline/generate/sample.ts';
import { findDuplicates } from '../../pipeline/neighbors/duplicates.ts';
import { findNeighbors } from '../../pipeline/neighbors/neighbors.ts';
import { findOutliers } from '../../pipeline/outliers/outliers.ts';
import { evaluate } from '../../pipeline/report/evaluate.ts';
import { buildSite } from '../../pipeline/site/site.ts';
import { train } from '../../pipeline/train/train.ts';
import { contentsOf } from '../train/run-digest.ts';
import { never, tiny, tinyOptions } from '../train/tiny.ts';

const MODEL_FILE = fileURLToPath(new URL('tiny-model.ts', import.meta.url));

/** A folder with inputs (`data`, `run`, `exported`), outputs (`out`) and the user's cache. */
export interface World {
  readonly root: string;
}

const at = ({ root }: World, ...names: string[]) => join(root, ...names);

interface Command {
  /** Writes an earlier output, which `run` replaces or continues. */
  before(world: World): Promise<unknown>;
  run(world: World): Promise<unknown>;
}

const trained = (world: World, run: string, epochs: number) =>
  train(
    {
      ...tinyOptions(run, { epochs, resume: true, batchSize: 8, checkpointSteps: 2, valSplit: 0.25 }),
      model: tiny,
      modelFile: MODEL_FILE,
      data: at(world, 'data'),
    },
    never,
  );
const machine = { device: 'cpu', threads: 1 } as const;
const inputs = (world: World) => ({ exported: at(world, 'exported'), data: at(world, 'data'), ...machine });

export const commands = {
  train: {
    before: (world) => trained(world, at(world, 'out', 'run'), 1),
    run: (world) => trained(world, at(world, 'out', 'run'), 2),
  },
  export: {
    before: (world) => exportRun({ run: at(world, 'earlier'), out: at(world, 'out', 'exported') }),
    run: (world) => exportRun({ run: at(world, 'run'), out: at(world, 'out', 'exported') }),
  },
  encode: {
    before: (world) => encode({ ...inputs(world), split: 'test', out: at(world, 'out', 'x.parquet'), error: false }),
    run: (world) => encode({ ...inputs(world), split: 'all', out: at(world, 'out', 'x.parquet') }),
  },
  sample: {
    before: (world) => sample({ ...inputs(world), out: at(world, 'out', 'samples'), n: 5, seed: 1 }),
    run: (world) => sample({ ...inputs(world), out: at(world, 'out', 'samples'), n: 5, seed: 2 }),
  },
  site: {
    before: (world) => site(world, 'test'),
    run: (world) => site(world, 'train'),
  },
  evaluate: {
    before: (world) => evaluate({ ...inputs(world), out: at(world, 'out', 'report'), quick: true, seed: 1 }),
    run: (world) => evaluate({ ...inputs(world), out: at(world, 'out', 'report'), quick: true, seed: 2 }),
  },
  shards: {
    before: (world) => shards(world, [0]),
    run: (world) => shards(world, [0, 1]),
  },
  reconstruct: {
    before: (world) => reconstruct({ ...inputs(world), out: at(world, 'out', 'reconstructed'), split: 'test' }),
    run: (world) => reconstruct({ ...inputs(world), out: at(world, 'out', 'reconstructed'), split: 'train' }),
  },
  cluster: {
    before: (world) => clusters(world, 2),
    run: (world) => clusters(world, 3),
  },
  outliers: {
    before: (world) => outliers(world, 90),
    run: (world) => outliers(world, 99),
  },
  neighbors: {
    before: (world) => neighbors(world, 1),
    run: (world) => neighbors(world, 2),
  },
  duplicates: {
    before: (world) => duplicates(world, 0.9),
    run: (world) => duplicates(world, 0.5),
  },
} satisfies Record<string, Command>;

/** Plans two shards, encodes some, and merges them where all are there. */
async function shards(world: World, chosen: readonly number[]) {
  const folder = at(world, 'out', 'shards');
  await planShards({ ...inputs(world), out: folder, shards: 2, split: 'test' });
  await encodeShards({ ...machine, out: folder, choose: () => chosen });
  if (chosen.length === 2) await mergeShards({ folder, single: true });
}

const clusters = (world: World, k: number) =>
  cluster({
    ...inputs(world),
    ...{ out: at(world, 'out', 'clusters'), split: 'all', method: 'kmeans', k, seed: 0, seeds: 1, into: false },
  });

const outliers = (world: World, flagAbove: number) =>
  findOutliers({
    ...inputs(world),
    ...{ reference: at(world, 'data', 'test'), out: at(world, 'out', 'outliers') },
    ...{ split: 'train', distance: 'knn', flagAbove, top: 4, into: false },
  });

const neighbors = (world: World, k: number) =>
  findNeighbors({
    ...inputs(world),
    ...{ query: [at(world, 'data', 'test')], k, sheet: at(world, 'out', 'neighbors.png') },
  });

const duplicates = (world: World, similarity: number) =>
  findDuplicates({ ...inputs(world), similarity, sheet: at(world, 'out', 'duplicates.png') });

function site(world: World, split: 'train' | 'test') {
  const { exported, data } = inputs(world);
  return buildSite({
    exported: [exported],
    data: [data],
    split,
    app: at(world, 'app'),
    out: at(world, 'out', 'site'),
    ...machine,
  });
}

export type CommandName = keyof typeof commands;
export const commandNames = Object.keys(commands) as CommandName[];

/** Fills an empty folder with the inputs of all commands. */
export async function makeWorld(world: World): Promise<void> {
  useCache(world);
  await writeImages(at(world, 'data'), { train: 24, test: 12 });
  await trained(world, at(world, 'earlier'), 1);
  await trained(world, at(world, 'run'), 2);
  await exportRun({ run: at(world, 'run'), out: at(world, 'exported') });
  mkdirSync(at(world, 'app'));
  writeFileSync(at(world, 'app', 'index.html'), '<!doctype html><title>stub</title>');
}

export function useCache(world: World): void {
  process.env.XDG_CACHE_HOME = at(world, 'cache');
}

/** 6 × 5 gray images of two classes, a folder a split and a class. */
async function writeImages(folder: string, counts: Record<string, number>): Promise<void> {
  for (const [split, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) {
      const path = join(folder, split, i % 2 === 0 ? 'even' : 'odd');
      mkdirSync(path, { recursive: true });
      const pixels = Uint8Array.from(
        { length: 30 },
        (_, p) => (p * 13 + i * 37 + (i % 2) * (p % 5) * 40 + split.length) % 256,
      );
      const raw = { width: 6, height: 5, channels: 1 } as const;
      await sharp(pixels, { raw })
        .toColourspace('b-w')
        .png()
        .toFile(join(path, `${i}.png`));
    }
  }
}

/** A fresh copy of a folder. */
export function copyTo(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

/**
 * What is in a folder, by path: SHA-256 of the contents without times and rates, which differ from run to run, and without the
 * marks of running shards, which end by themselves.
 */
export function digestsOf(folder: string): Record<string, string> {
  const files = [...contentsOf(folder)].filter(([file]) => !file.includes('/running/'));
  return Object.fromEntries(
    files.map(([file, data]) => {
      if (file.includes('tfevents')) return [file, `${data.length} bytes`];
      const timed = /\.(jsonl|json|md|html)$/.test(file) || file.endsWith('SHA256SUMS');
      const content = timed ? withoutTimes(data.toString()) : data;
      return [file, createHash('sha256').update(content).digest('hex')];
    }),
  );
}

const withoutTimes = (text: string) =>
  text
    .replaceAll(/"(rate|time|crc)":[\w."]+,?/g, '')
    .replaceAll(/"seconds": (\{[^}]*\{[^}]*\}[^}]*\}|[\d.]+)/g, '')
    .replaceAll(/\b[\d.]+ s\b/g, '')
    .replaceAll(/^[0-9a-f]{64} .*(report\.\w+|(clusters|outliers)\.json|metrics\.jsonl)$/gm, '');
