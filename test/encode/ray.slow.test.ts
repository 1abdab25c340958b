import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { encode } from '../../pipeline/encode/encode.ts';
import { pngBytes } from '../data/images.ts';
import { scratchFolder } from '../data/support.ts';
import { imageOf, type Row, readRows, tinyImages } from './support.ts';
import { exportTiny, tiny } from './tiny-model.ts';

const SCRIPT = fileURLToPath(new URL('../../deploy/ray/encode.py', import.meta.url));
const scratch = scratchFolder();

/** A Python with Ray: `pip install "ray[data]" onnxruntime pyvips-binary pyvips numpy pyarrow`. */
const PYTHON = process.env.CONVAE_RAY_PYTHON ?? 'python3';
function missing(): string | undefined {
  try {
    execFileSync(PYTHON, ['-c', 'import ray, onnxruntime, pyvips, pyarrow'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `${PYTHON}: ${String((error as { stderr?: Buffer }).stderr)
      .trim()
      .split('\n')
      .at(-1)}; CONVAE_RAY_PYTHON names another`;
  }
}
const reason = missing();
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
  { timeout: 240_000 },
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
    const args = [SCRIPT, exported, scratch('photos'), scratch('out'), '--workers', '2', '--batch-size', '16'];
    const child = spawn(PYTHON, args, {
      env: { ...process.env, CONVAE_TEST_RUN: mark },
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

    const single = scratch('single.parquet');
    await encode({ exported, data: scratch('photos'), out: single, split: 'all', device: 'cpu' });
    const byId = (rows: readonly Row[]) => rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const files = readdirSync(scratch('out')).map((name) => readRows(scratch(`out/${name}`)));
    const [found, expected] = [byId((await Promise.all(files)).flat()), byId(await readRows(single))];
    expect(found.map(({ id, label, class: name }) => [id, label, name])).toEqual(
      expected.map(({ id, label, class: name }) => [id, label, name]),
    );
    found.forEach(({ latent, error = Number.NaN }, i) => {
      const row = expected[i] as Row;
      for (let d = 0; d < tiny.size; d++) expect(latent[d]).toBeCloseTo(row.latent[d] ?? Number.NaN, 6);
      expect(error).toBeCloseTo(row.error ?? Number.NaN, 6);
    });
  },
);
