import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pack } from 'tar-stream';
import { expect, test } from 'vitest';
import { cluster } from '../../pipeline/cluster/cluster.ts';
import { encode } from '../../pipeline/encode/encode.ts';
import { compiled } from '../cli/convae.ts';
import { pngBytes } from '../data/images.ts';
import { scratchFolder } from '../data/support.ts';
import { missingOfRay, PYTHON, RAY_SCRIPT } from './ray-python.ts';
import { imageOf, type Row, readRows, tinyImages } from './support.ts';
import { exportTiny, tiny } from './tiny-model.ts';

const scratch = scratchFolder();
const env = { ...process.env, CONVAE: `${process.execPath} ${compiled()}` };
const reason = missingOfRay();
if (reason) console.log(`skipped: encoding with Ray: ${reason}`);

/** The encoders of a run, which have its mark in their environment. */
const encodersOf = (mark: string): number[] =>
  readdirSync('/proc').flatMap((pid) => {
    try {
      const isOurs = readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
      return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('MapBatches(Encoder)')
        ? [Number(pid)]
        : [];
    } catch {
      return []; // no process, or ended
    }
  });

test.skipIf(reason)(
  'two workers of Ray, of which one is killed, give the rows of encode',
  { timeout: 480_000 },
  async () => {
    const exported = await exportTiny(scratch('tiny'), {
      preprocessing: { height: 2, width: 3, channels: 1, fit: 'contain', background: '#808080', scalings: [] },
    });
    const images = tinyImages(3000);
    for (const name of ['cat', 'dog10', 'dog9']) mkdirSync(scratch(`photos/${name}`), { recursive: true });
    for (let i = 0; i < 3000; i++) {
      const pixels = [...imageOf(images, i)];
      const file =
        i % 2 ? pngBytes(3, 2, 8, 0, pixels) : pngBytes(4, 2, 8, 2, [...pixels, ...pixels, ...pixels, ...pixels]);
      writeFileSync(scratch(`photos/${['cat', 'dog10', 'dog9'][i % 3]}/${i}.png`), i === 7 ? 'no image' : file);
    }
    const mark = `convae-${process.pid}`;
    const args = [RAY_SCRIPT, exported, scratch('photos'), scratch('out'), '--workers', '2', '--batch-size', '16'];
    const child = spawn(PYTHON, args, {
      env: { ...env, CONVAE_TEST_RUN: mark },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (text) => {
      said.stdout += text;
    });
    child.stderr.on('data', (text) => {
      said.stderr += text;
    });
    const ended = once(child, 'close');
    let workers: number[] = [];
    while (workers.length < 2 && child.exitCode === null) {
      await sleep(100);
      workers = encodersOf(mark);
    }
    expect(child.exitCode, said.stderr).toBeNull();
    process.kill(workers[0] as number, 'SIGKILL');
    const [code] = await ended;
    expect(code, said.stderr).toBe(0);
    expect(JSON.parse(said.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      rows: 2999,
      skipped: 1,
      workers: 2,
    });

    await expectRows(exported, scratch('photos'), scratch('out'));
  },
);

/** Asserts that a folder has the rows of `encode`. */
async function expectRows(exported: string, data: string, out: string): Promise<void> {
  const single = `${out}.parquet`;
  await encode({ exported, data, out: single, split: 'all', device: 'cpu' });
  const byId = (rows: readonly Row[]) => rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const files = readdirSync(out).map((name) => readRows(`${out}/${name}`));
  const [found, expected] = [byId((await Promise.all(files)).flat()), byId(await readRows(single))];
  const exact = ({ id, label, class: name, cluster }: Row) => [id, label, name, cluster];
  expect(found.map(exact)).toEqual(expected.map(exact));
  found.forEach(({ latent, error = Number.NaN }, i) => {
    const row = expected[i] as Row;
    for (let d = 0; d < tiny.size; d++) expect(latent[d]).toBeCloseTo(row.latent[d] ?? Number.NaN, 6);
    expect(error).toBeCloseTo(row.error ?? Number.NaN, 6);
  });
}

test.skipIf(reason)('archives, clusters, and refusals that leave nothing', { timeout: 480_000 }, async () => {
  const images = tinyImages(40);
  mkdirSync(scratch('tars'));
  for (const shard of [0, 1]) {
    const archive = pack();
    for (let i = 20 * shard; i < 20 * shard + 20; i++) {
      archive.entry({ name: `in/${i}.json` }, JSON.stringify({ Label: [9, 10, -1][i % 3] }));
      archive.entry({ name: `in/${i}.png` }, pngBytes(3, 2, 8, 0, [...imageOf(images, i)]));
    }
    archive.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
    writeFileSync(scratch(`tars/${shard}.tar`), Buffer.concat(chunks));
  }
  const exported = await exportTiny(scratch('clustered'));
  const compute = { exported, data: scratch('tars'), split: 'all', device: 'cpu' } as const;
  await cluster({ ...compute, out: scratch('clusters'), method: 'gmm', k: 3, seed: 0, seeds: 1, into: true });
  const run = (model: string, out: string, ...args: string[]) =>
    spawnSync(PYTHON, [RAY_SCRIPT, model, scratch('tars'), scratch(out), '--workers', '1', ...args], {
      encoding: 'utf8',
      env,
    });
  const { status, stderr } = run(exported, 'rows');
  expect(status, stderr).toBe(0);
  await expectRows(exported, scratch('tars'), scratch('rows'));
  const conditional = await exportTiny(scratch('conditional'), {
    conditional: { encoder: true, decoder: false },
    classes: ['9', '10'],
  });
  writeFileSync(`${exported}/decoder.onnx`, 'damaged');
  for (const [model, said] of [
    [conditional, /png: it has no label/],
    [exported, /decoder\.onnx/],
  ] as const) {
    const refused = run(model, 'refused');
    expect([refused.status, refused.stderr.trim().split('\n').at(-1)]).toEqual([2, expect.stringMatching(said)]);
    expect(readdirSync(scratch('')).filter((name) => name.startsWith('refused'))).toEqual([]);
  }
});
