import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import { type GalleryEntry, trainingProgress } from '../../pipeline/gallery/gallery.ts';
import { Interrupted } from '../../pipeline/io/errors.ts';
import type { Progress } from '../../pipeline/io/progress.ts';
import { createStages, type Tick } from '../../pipeline/io/stages.ts';
import { train } from '../../pipeline/train/train.ts';
import { call, callJson } from '../cli/call.ts';
import { start } from '../cli/convae.ts';
import { makeShapes } from '../data/shapes.ts';
import { scratchFolder } from '../data/support.ts';
import { tinyOptions } from '../train/tiny.ts';

vi.setConfig({ testTimeout: 180_000 });

/** What the classifier says is not looked at here; by default, it is trained as long as for two epochs of MNIST. */
vi.mock(import('../../pipeline/analyse/classifier/classifier.ts'), async (original) => {
  const real = await original();
  return { ...real, openClassifier: (train, options) => real.openClassifier(train, { ...options, steps: 10 }) };
});

const scratch = scratchFolder();
const cwd = scratch('cwd');
mkdirSync(cwd);
await makeShapes(scratch('cwd/shapes'), 90, 24);

const args = ['gallery', '--models', 'cae,cvae', '--data', 'shapes', '--epochs', '1', '--quick'];
const file = (path: string) => join(cwd, path);
const changed = (path: string) => statSync(file(path)).mtimeMs;

test('trains, exports and evaluates on a folder of colour images, and does only what is missing when run again', async () => {
  const interrupted = start(args, { cwd });
  await interrupted.said(/^cae on shapes/m);
  interrupted.process.kill('SIGINT');
  expect(await interrupted.end).toMatchObject({ code: 130, stdout: '' });

  const entries = await callJson<GalleryEntry[]>(args, { cwd });
  expect(entries.map(({ model }) => model)).toEqual(['cae', 'cvae']);
  const [cae, cvae] = entries;
  expect(cae?.card).toMatchObject({ image: { height: 24, width: 24, channels: 3 }, training: { epochs: 1 } });
  expect(cae?.report).toMatchObject({ variational: null, generation: null, data: { train: 75, test: 15 } });
  expect(cvae?.report.variational?.klByDimension).toHaveLength(16); // suited to more values than MNIST's
  expect(cvae?.card.classes).toEqual(['circle', 'cross', 'ring', 'square', 'triangle']);
  for (const model of ['cae', 'cvae']) {
    expect(readFileSync(file(`exported/${model}/report/report.html`), 'utf8')).toContain(model);
    expect(readdirSync(file(`exported/${model}/report/pictures`)).length).toBeGreaterThan(2);
  }
  expect(existsSync(file('exported/cvae/report/pictures/samples.png'))).toBe(true);

  const before = ['runs/cae/metrics.jsonl', 'exported/cae/card.json', 'exported/cvae/report/report.json'].map(changed);
  await makeShapes(file('others'), 100, 24);
  const dcec = await call(args.with(2, 'cae,dcec'), { cwd });
  expect(dcec).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--init') });
  for (const other of [args.with(args.indexOf('shapes'), 'others'), [...args, '--seed', '3']]) {
    const refused = await call(other, { cwd });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(join('runs', 'cae'));
    expect(refused.stderr).toMatch(/--runs$/m);
  }
  const twice = await call(args.with(2, 'cae,cvae,cae'), { cwd });
  expect(twice).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--models') });
  // An unfinished run of other options is refused before any model is trained.
  const late = ['gallery', '--models', 'cae2,cae', '--data', 'shapes', '--epochs', '2', '--seed', '3'];
  expect(await call(late, { cwd })).toMatchObject({ code: 2, stdout: '' });
  expect(existsSync(file('runs/cae2'))).toBe(false);

  rmSync(file('exported/cae/report'), { recursive: true });
  const again = await call(args, { cwd });
  expect(again).toMatchObject({ code: 0 });
  expect(again.stdout).toMatch(/^model +epochs .*\ncae +1 .*\ncvae +1 /);
  expect(again.stderr).not.toContain('train');
  expect(existsSync(file('exported/cae/report/report.json'))).toBe(true);
  expect(['runs/cae/metrics.jsonl', 'exported/cae/card.json', 'exported/cvae/report/report.json'].map(changed)).toEqual(
    before,
  );
});

test('evaluates and exports again what is of other images, less exact or damaged', async () => {
  const one = args.with(2, 'cae');
  const entryOf = async (args: readonly string[]) => (await callJson<GalleryEntry[]>(args, { cwd }))[0];
  expect((await call(['evaluate', 'exported/cae', '--data', 'others', '--quick'], { cwd })).code).toBe(0);
  expect((await entryOf(one))?.report.data).toMatchObject({ train: 75, test: 15 });
  expect((await entryOf(one.slice(0, -1)))?.report.settings.quick).toBe(false);
  const before = changed('exported/cae/report/report.json');
  expect((await entryOf(one))?.report.settings.quick).toBe(false); // a better report than asked for
  expect(changed('exported/cae/report/report.json')).toBe(before);
  rmSync(file('exported/cae/decoder.onnx'));
  expect(await call(one, { cwd })).toMatchObject({ code: 0 });
  expect(await call(['check', 'exported/cae'], { cwd })).toMatchObject({ code: 0 });
});

test('a training that is interrupted during a step is saved after it', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const run = scratch('interrupted');
  const work = (tick: Tick) => {
    const progress = trainingProgress(() => {}, tick, signal);
    let steps = 0;
    const update: Progress['update'] = (...done) => {
      steps++;
      if (steps === 3) controller.abort();
      progress.update(...done);
    };
    return train({ ...tinyOptions(run), data: file('shapes') }, { signal, progress: { ...progress, update } });
  };
  await expect(createStages([['train', 1]], signal).run('train', work)).rejects.toThrow(Interrupted);
  expect((await readRun(run, 'latest'))?.state.position.step).toBe(3);
});
