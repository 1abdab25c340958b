import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import type { EncodeResult } from '../../pipeline/encode/encode.ts';
import type { ExportResult } from '../../pipeline/export/export.ts';
import type { Evaluation } from '../../pipeline/report/evaluate.ts';
import type { Comparison } from '../../pipeline/runs/runs.ts';
import type { dryRun } from '../../pipeline/train/dry-run.ts';
import type { TrainSummary } from '../../pipeline/train/epochs.ts';
import { idxBytes, npyBytes, zipBytes } from '../data/formats.ts';
import { scratchFolder } from '../data/support.ts';
import { call, callJson } from './call.ts';
import { convae, SOURCE, start } from './convae.ts';

const SIDE = 12;
type DryRun = Awaited<ReturnType<typeof dryRun>>;

const scratch = scratchFolder();
const cwd = scratch('cwd');
mkdirSync(cwd);
// Another project's settings, in whose folder convae may be called.
writeFileSync(scratch('cwd/tsconfig.json'), '{ "compilerOptions": { "paths": { "tfjs-to-onnx": ["./other.ts"] } } }');

/** Bars, lying or standing, of various places and brightness. */
function bars(count: number, salt = 0): { pixels: Uint8Array; labels: Uint8Array } {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  const pixels = Uint8Array.from({ length: count * SIDE * SIDE }, (_, i) => {
    const image = Math.floor(i / SIDE ** 2);
    const [y, x] = [Math.floor(i / SIDE) % SIDE, i % SIDE];
    const place = (image * 5 + salt) % SIDE;
    return (labels[image] ? x : y) === place ? 255 - (image % 50) : (x * y) % 20;
  });
  return { pixels, labels };
}

const [train, test_] = [bars(24), bars(8, 3)];
const everything = {
  pixels: Uint8Array.of(...train.pixels, ...test_.pixels),
  labels: [...train.labels, ...test_.labels],
};
const npy = ({ pixels, labels }: typeof train, part: string) => [
  { name: `x_${part}.npy`, data: npyBytes('|u1', [labels.length, SIDE, SIDE], pixels) },
  { name: `y_${part}.npy`, data: npyBytes('|u1', [labels.length], labels) },
];
writeFileSync(scratch('cwd/bars.npz'), zipBytes([...npy(train, 'train'), ...npy(test_, 'test')]));
mkdirSync(scratch('cwd/idx'));
for (const [part, { pixels, labels }] of [['train', train] as const, ['t10k', test_] as const]) {
  writeFileSync(scratch(`cwd/idx/${part}-images-idx3-ubyte`), idxBytes([labels.length, SIDE, SIDE], pixels));
  writeFileSync(scratch(`cwd/idx/${part}-labels-idx1-ubyte`), idxBytes([labels.length], labels));
}

const TINY = ['--latent', '2', '--width', '8', '--batch-size', '10', '--threads', '1'];

interface Row {
  readonly id: string;
  readonly label: number;
  readonly latent: number[];
  readonly error: number;
}
const rowsOf = async (name: string) =>
  (await parquetReadObjects({ file: await asyncBufferFromFile(scratch(`cwd/${name}`)) })) as unknown as Row[];

/** The numbers of an npy file of version 1. */
function floatsOf(name: string): Float32Array {
  const bytes = readFileSync(scratch(`cwd/${name}`));
  return new Float32Array(
    bytes.buffer.slice(bytes.byteOffset + 10 + bytes.readUInt16LE(8), bytes.byteOffset + bytes.length),
  );
}

const fromSource: typeof convae = (args, options) => convae(args, { ...options, program: SOURCE });

test.each([
  ['onnx', 'bars.npz', fromSource],
  ['tfjs-cpu', 'idx', call],
])('train, resume, export, encode and evaluate with %s on %s', { timeout: 120_000 }, async (engine, data, command) => {
  const name = `by-${engine}`;
  const run = `runs/${name}`;
  const training = ['train', 'cae', '--data', data, '--run', run, '--engine', engine, ...TINY];

  const first = await command([...training, '--epochs', '1'], { cwd });
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toMatch(new RegExp(`^run +${run}\nmodel +cae\nepochs +1\nsteps +3\n`));
  expect(first.stderr).toContain('24 training + 8 test images of 12×12×1, 1 epoch, batch size 10');
  expect(readdirSync(scratch(`cwd/${run}`))).toEqual(
    expect.arrayContaining(['latest', 'metrics.jsonl', 'recipe.yaml']),
  );

  const again = await call([...training, '--epochs', '2'], { cwd });
  expect(again).toMatchObject({ code: 2, stdout: '' });
  expect(again.stderr).toMatch(/^convae: runs\/by-\S+ already holds a run of cae [^\n]* --resume[^\n]*\n$/);

  const resumed = await callJson<TrainSummary>([...training, '--epochs', '2', '--resume', '--quiet'], { cwd });
  expect(resumed).toMatchObject({ run, model: 'cae', epochs: 2, steps: 6 });
  const finished = await callJson<TrainSummary>([...training, '--resume'], { cwd });
  expect(finished).toMatchObject({ epochs: 2, steps: 6, test: resumed.test, best: null });

  const { out, card } = await callJson<ExportResult>(['export', run], { cwd });
  expect(out).toBe(`exported/${name}`);
  expect(card).toMatchObject({ latent: { size: 2 }, metrics: { epoch: 2, test: resumed.test } });
  expect(readdirSync(scratch(`cwd/${out}`)).sort()).toEqual([
    'SHA256SUMS',
    'card.json',
    'decoder.onnx',
    'encoder.onnx',
    'training',
  ]);

  const encode = (file: string, ...more: string[]) =>
    callJson<EncodeResult>(['encode', out, '--data', data, '--out', file, ...more], { cwd });
  expect(await encode(`${name}.npy`)).toMatchObject({ rows: 32, out: `${name}.npy` });
  expect(await encode(`${name}/test.parquet`, '--split', 'test')).toMatchObject({ rows: 8 });
  const latents = floatsOf(`${name}.npy`);
  const session = await ort.InferenceSession.create(scratch(`cwd/${out}/encoder.onnx`));
  const image = new ort.Tensor('uint8', everything.pixels, [32, SIDE, SIDE, 1]);
  const { latent } = await session.run({ image });
  await session.release();
  expect(Math.max(...latents.map((value, i) => Math.abs(value - Number(latent?.data[i]))))).toBeLessThan(1e-4);
  const rows = await rowsOf(`${name}/test.parquet`);
  expect(rows.map(({ label }) => label)).toEqual([...test_.labels]);
  expect(rows.flatMap((row) => row.latent)).toEqual([...latents.subarray(48)]);

  const { report } = await callJson<Evaluation>(['evaluate', out, '--data', data], { cwd });
  const meanError = rows.reduce((sum, { error }) => sum + error, 0) / rows.length;
  const { images, atCode } = report.reconstruction;
  expect(images).toBe(8);
  expect(atCode.perPixel).toBeCloseTo(meanError, 5);
  expect(atCode.perPixel).toBeCloseTo(resumed.test?.loss as number, 4);
  expect(report.representations?.map(({ name }) => name)).toEqual(['codes', 'PCA', 'pixels']);
});

test('ONNX Runtime sends nothing to its makers, and leaves no files of its own', async () => {
  const home = scratch('home');
  mkdirSync(home);
  const env = { HOME: home, XDG_CACHE_HOME: home, TMPDIR: home, CI: undefined, ORT_DISABLE_TELEMETRY: undefined };
  const encode = ['encode', 'exported/by-onnx', '--data', 'bars.npz', '--out', 'quietly.npy'];
  expect(await convae(encode, { cwd, env })).toMatchObject({ code: 0 });
  expect(readdirSync(home)).toEqual(['convae']);
});

test('a recipe.yaml repeats its run, the command line overrides it, and --dry-run writes nothing', {
  timeout: 120_000,
}, async () => {
  const options = ['--data', 'bars.npz', '--engine', 'onnx', '--optimizer', 'adamw', '--val-split', '0.2', ...TINY];
  await callJson(['train', 'cae', ...options, '--epochs', '1', '--run', 'runs/first'], { cwd });
  const recipe = readFileSync(scratch('cwd/runs/first/recipe.yaml'), 'utf8');
  for (const line of [
    'model: cae',
    `data: ${scratch('cwd/bars.npz')}`,
    'optimizer: adamw',
    'weight-decay: 0.01',
    'val-split: 0.2',
  ]) {
    expect(recipe.split('\n')).toContain(line);
  }
  const { card } = await callJson<ExportResult>(['export', 'runs/first'], { cwd });
  expect(card).toMatchObject({
    dataset: { valSplit: 0.2, train: { images: 19 }, val: { images: 5 }, test: { images: 8 } },
    metrics: { epoch: 1, val: { loss: expect.any(Number) }, test: { loss: expect.any(Number) } },
    latent: { statistics: { over: 'test', images: 8 } },
  });
  const again = ['train', '--config', 'runs/first/recipe.yaml'];
  await callJson([...again, '--run', 'runs/second'], { cwd });
  const weights = (run: string) =>
    readFileSync(scratch(`cwd/runs/${run}/latest/SHA256SUMS`), 'utf8')
      .split('\n')
      .filter((line) => /\.bin$/.test(line));
  expect(weights('second')).toEqual(weights('first'));
  expect(weights('first')).toHaveLength(3);
  expect(readFileSync(scratch('cwd/runs/second/recipe.yaml'), 'utf8')).toBe(recipe);

  const plan = await callJson<DryRun>([...again, '--dry-run', '--lr', '0.5', '--run', 'runs/third'], { cwd });
  expect(plan).toMatchObject({
    stepsPerEpoch: 2,
    steps: 2,
    plan: { model: 'cae', recipe: { epochs: 1, optimizer: { name: 'adamw', learningRate: 0.5 } } },
  });
  expect(plan.layers.find(({ name }) => name === 'conv1')).toEqual({
    part: 'encoder',
    name: 'conv1',
    kind: 'Conv2D',
    output: '6×6×8',
    parameters: 5 * 5 * 8 + 8,
  });
  expect(plan.parameters).toBe(plan.layers.reduce((sum, { parameters }) => sum + parameters, 0));
  expect(existsSync(scratch('cwd/runs/third'))).toBe(false);

  const other = await call(['train', 'cae2', '--config', 'runs/first/recipe.yaml', '--dry-run'], { cwd });
  expect(other).toMatchObject({ code: 0 });
  expect(other.stdout).toMatch(/^model: cae2, /m);
  writeFileSync(scratch('cwd/wrong.yaml'), 'epoch: 3\n');
  const wrong = await call(['train', 'cae', '--config', 'wrong.yaml'], { cwd });
  expect(wrong).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^convae: [^\n]*wrong\.yaml: [^\n]*epochs[^\n]*\n$/),
  });

  const { stdout } = await call(['runs'], { cwd });
  expect(stdout).toMatch(/^runs\/first +cae +bars\.npz +12×12×1 +2 +1\/1 /m);
  const compared = await callJson<Comparison>(['runs', '--compare', 'runs/first', 'runs/second'], { cwd });
  expect(compared.differences.filter(({ name }) => name !== 'seconds')).toEqual([]);
});

test('a run finds its data from another folder, where the same name is that of other data', {
  timeout: 120_000,
}, async () => {
  const [elsewhere, run, exported] = [scratch('elsewhere'), scratch('cwd/runs/first'), scratch('cwd/exported/first')];
  mkdirSync(elsewhere);
  writeFileSync(scratch('elsewhere/bars.npz'), zipBytes(npy(bars(30, 5), 'train')));
  const resumed = ['train', 'cae', '--run', run, '--resume', '--epochs', '2', '--quiet'];
  expect(await callJson<TrainSummary>(resumed, { cwd: elsewhere })).toMatchObject({ epochs: 2 });
  const { card } = await callJson<ExportResult>(['export', run, '--out', exported], { cwd: elsewhere });
  expect(card.dataset).toMatchObject({ name: scratch('cwd/bars.npz'), train: { images: 19 } });
  const evaluate = ['evaluate', exported, '--quick', '--quiet'];
  const { report } = await callJson<Evaluation>(evaluate, { cwd: elsewhere });
  expect(report.data).toMatchObject({ name: '../cwd/bars.npz', train: 19, test: 8 });
});

const onBars = ['train', 'cae', '--data', 'bars.npz', '--engine', 'onnx', ...TINY];
const endless = [...onBars, '--epochs', '100000'];

test('an interrupt saves the run, which can be resumed, and exits with 130', { timeout: 60_000 }, async () => {
  const where = ['--run', 'runs/interrupted'];
  const running = start([...endless, ...where], { cwd });
  await running.said(/^epoch 1\//m);
  running.process.kill('SIGINT');
  const { code, stdout, stderr } = await running.end;
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  const [, epoch] =
    /^convae: interrupted after step \d+, in epoch (\d+) of 100000; [^\n]*--resume\n$/m.exec(stderr) ?? [];
  const summary = await callJson<TrainSummary>([...onBars, ...where, '--resume', '--epochs', `${epoch}`], { cwd });
  expect(summary.epochs).toBe(Number(epoch));
});

test('a second interrupt exits immediately', { timeout: 60_000 }, async () => {
  const running = start([...endless, '--run', 'runs/twice'], { cwd });
  await running.said(/^epoch 1\//m);
  running.process.kill('SIGINT');
  running.process.kill('SIGTERM');
  const { code, stderr } = await running.end;
  // Either may be the first to be handled: a second SIGINT ends the process itself, which shells report as 130.
  expect(code ?? running.process.signalCode).toBeOneOf([130, 'SIGINT']);
  expect(stderr).not.toContain('interrupted');
});

/** A folder that cannot be written to, and how to release it; root may write anywhere but on a read-only file system. */
function readOnlyFolder(): { folder: string; release: () => void; code: number } | undefined {
  const folder = scratch('cwd/read-only');
  mkdirSync(folder);
  if (process.getuid?.() !== 0) {
    chmodSync(folder, 0o555);
    return { folder, release: () => chmodSync(folder, 0o755), code: 2 };
  }
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=64k', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return undefined; // a container without the right to mount
  }
  return { folder, release: () => execFileSync('umount', [folder]), code: 3 };
}

test('a read-only output folder: one line, and nothing is left behind', { timeout: 60_000 }, async (context) => {
  const place = readOnlyFolder();
  if (!place) return context.skip('root without the right to mount cannot make a read-only folder');
  try {
    const exported = 'exported/by-onnx';
    for (const args of [
      ['train', 'cae', '--data', 'bars.npz', '--run', 'read-only/run', ...TINY, '--quiet'],
      ['export', 'runs/by-onnx', '--out', 'read-only/exported'],
      ['encode', exported, '--data', 'bars.npz', '--out', 'read-only/latents.npy', '--quiet'],
    ]) {
      const { code, stdout, stderr } = await call(args, { cwd });
      expect({ code, stdout }, stderr).toEqual({ code: place.code, stdout: '' });
      expect(stderr).toMatch(/^convae: cannot [^\n]*read-only[^\n]*\n$/);
    }
    expect(readdirSync(place.folder)).toEqual([]);
    expect(existsSync(scratch('cwd/exported/by-onnx/card.json'))).toBe(true);
  } finally {
    place.release();
  }
});
