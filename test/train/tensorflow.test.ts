import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { cae } from '../../models/cae.ts';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { cvae } from '../../models/vae.ts';
import { readBatches } from '../../pipeline/data/batches.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { openSplits } from '../../pipeline/data/open.ts';
import { subset } from '../../pipeline/data/split.ts';
import { missingLibrary } from '../../pipeline/devices/cuda.ts';
import { Interrupted, Unavailable } from '../../pipeline/io/errors.ts';
import { diagnose } from '../../pipeline/setup/doctor.ts';
import type { EngineChoice, HostBatch } from '../../pipeline/train/engine.ts';
import { createEngine, prepareEngine } from '../../pipeline/train/engines/index.ts';
import { isSetUp } from '../../pipeline/train/engines/tfjs.ts';
import type { TrainSummary } from '../../pipeline/train/epochs.ts';
import type { TrainHooks } from '../../pipeline/train/options.ts';
import { buildProgram } from '../../pipeline/train/program.ts';
import { train } from '../../pipeline/train/train.ts';
import { convae, convaeJson } from '../cli/convae.ts';
import { temporaryFolder } from './folders.ts';
import { digestOf } from './run-digest.ts';
import { interruptAfter, never } from './tiny.ts';

vi.setConfig({ testTimeout: 180_000 });

const node = isSetUp('tfjs-node');
const gpu = isSetUp('tfjs-node-gpu');
const driver = missingLibrary('libcuda.so.1') === undefined;
if (!node) console.log('skipped: tfjs-node is not set up (npx convae setup tfjs-node)');
if (!(gpu && driver)) console.log(`skipped: training on a GPU: ${gpu ? 'no driver' : 'tfjs-node-gpu is not set up'}`);

const BATCH = 32;
const STEPS = 50;
/** Half of the recipes': the fewest that blocked kernels are for. */
const FILTERS = 16;

/** Batches of real images in their order, with noise from a fixed seed. */
async function batchesOf(steps: number, noiseSize: number): Promise<HostBatch[]> {
  const { train: images } = await openSplits('mnist');
  const generator = Generator.of(7, 'noise');
  const batches: HostBatch[] = [];
  const first = subset(
    images,
    'mnist',
    Uint32Array.from({ length: steps * BATCH }, (_, i) => i),
  );
  for await (const batch of readBatches(first, BATCH)) {
    const noise = new Float32Array(BATCH * noiseSize);
    generator.fillNormal(noise);
    batches.push({ count: BATCH, images: batch.images.slice(), noise });
  }
  await images.close();
  return batches;
}

async function lossesOf(choice: EngineChoice, model: ModelDefinition, batches: readonly HostBatch[]) {
  await prepareEngine(choice, 'auto', 2);
  const { latent } = model.recipe;
  const size = { height: 28, width: 28, channels: 1, latent, classes: 10, seed: 0, filters: FILTERS };
  const program = buildProgram(model, size);
  const engine = await createEngine(choice, 'auto', program, { threads: 2 });
  const losses: number[] = [];
  for (const batch of batches) losses.push((await engine.step(batch)).loss ?? Number.NaN);
  await engine.dispose();
  return losses;
}

/** Rounding grows from step to step: within a few units of float32's last place at first, within 1/1000 in the end. */
function expectEqualLosses(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((loss, step) => {
    const target = expected[step] ?? Number.NaN;
    expect(Math.abs(loss - target) / target, `step ${step}`).toBeLessThan(step < 5 ? 2e-6 : 1e-3);
  });
  expect(found.at(-1)).toBeLessThan((found[0] ?? Number.NaN) * 0.6);
}

test.runIf(node).each([cae, cvae])(
  `tfjs-node: ${STEPS} steps of $name have the losses of the onnx engine`,
  async (model) => {
    const batches = await batchesOf(STEPS, 10);
    expectEqualLosses(await lossesOf('tfjs-node', model, batches), await lossesOf('onnx', model, batches));
  },
);

test.runIf(gpu && driver)(`tfjs-node-gpu: ${STEPS} steps of cae have the losses of the onnx engine`, async () => {
  const batches = await batchesOf(STEPS, 10);
  expectEqualLosses(await lossesOf('tfjs-node-gpu', cae, batches), await lossesOf('onnx', cae, batches));
});

const trainCae = (run: string, engine: EngineChoice, hooks: TrainHooks = never): Promise<TrainSummary> =>
  train(
    {
      model: cae,
      data: 'mnist',
      run,
      resume: true,
      engine,
      device: 'auto',
      threads: 2,
      seed: 0,
      filters: FILTERS,
      epochs: 2,
      batchSize: BATCH,
      limitTrain: 320,
      limitTest: 64,
      checkpointSeconds: Number.POSITIVE_INFINITY,
    },
    hooks,
  );

test.runIf(node)('a run that one engine started can be finished by the other, with the same result', async () => {
  const folder = temporaryFolder();
  const run = (name: string) => join(folder, name);
  const single = await trainCae(run('onnx'), 'onnx');
  for (const [first, second] of [
    ['onnx', 'tfjs-node'],
    ['tfjs-node', 'onnx'],
  ] as const) {
    const both = run(`${first}, ${second}`);
    await expect(trainCae(both, first, interruptAfter(7))).rejects.toThrow(Interrupted);
    const summary = await trainCae(both, second);
    expect(summary.steps).toBe(single.steps);
    const [found = Number.NaN, expected = Number.NaN] = [summary.test?.loss, single.test?.loss];
    expect(Math.abs(found / expected - 1)).toBeLessThan(2e-3);
  }
});

test.runIf(node)('tfjs-node gives the same bytes again', async () => {
  const [first, second] = [join(temporaryFolder(), 'run'), join(temporaryFolder(), 'run')];
  await trainCae(first, 'tfjs-node');
  await trainCae(second, 'tfjs-node');
  expect(digestOf(second)).toEqual(digestOf(first));
});

test.runIf(node)('TensorFlow’s own log stays out of the output', async () => {
  const cwd = temporaryFolder();
  const args = ['train', 'cae', '--engine', 'tfjs-node', '--epochs', '1', '--limit-train', '256', '--limit-test', '64'];
  const { code, stderr, stdout } = await convae([...args, '--run', 'run'], { cwd });
  expect(code).toBe(0);
  expect(stdout).toMatch(/engine +tfjs-node 4\.22\.0 on TensorFlow 2\.21\.0, CPU/);
  const ours = /^cae on mnist|^epoch|^(images|classes, \w+|colour|range|pixels|duplicates): |^reading: |^$/;
  expect(stderr.split('\n').filter((line) => !ours.test(line))).toEqual([]);
});

test.skipIf(node).each(['tfjs-node', 'tfjs-node-gpu'] as const)('%s says how to get it', async (name) => {
  if (isSetUp(name)) return;
  const error = await prepareEngine(name, 'auto').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Unavailable);
  const { message } = error as Unavailable;
  expect(message).toContain(`run \`npx convae setup ${name}\`, or use --engine onnx`);
  expect(message.includes('NVIDIA driver')).toBe(name === 'tfjs-node-gpu' && !driver);
});

test.runIf(gpu && !driver)('tfjs-node-gpu without a driver says so and stops', async () => {
  const { code, stderr } = await convae(['train', 'cae', '--engine', 'tfjs-node-gpu'], { cwd: temporaryFolder() });
  expect(code).toBe(3);
  expect(stderr).toMatch(/^convae: the engine tfjs-node-gpu: there is no NVIDIA driver \(libcuda\.so\.1: .+\n$/);
});

test('the doctor knows each engine and device', async () => {
  const findings = await convaeJson<{ option: string; usable: boolean; remedy: string | null }[]>(['doctor'], {
    cwd: temporaryFolder(),
  });
  const usable = Object.fromEntries(findings.map((finding) => [finding.option, finding.usable]));
  expect(usable).toMatchObject({
    '--engine onnx': true,
    '--engine tfjs-cpu': true,
    '--engine tfjs-node': node,
    '--engine tfjs-node-gpu': gpu && driver,
    '--device cpu': true,
  });
  expect(usable).toHaveProperty('--device cuda');
  expect(usable).toHaveProperty('--device webgpu');
  for (const { usable, remedy } of findings) expect(remedy === null).toBe(usable);
});

test('an engine that kills its process is reported like one that is not installed', async () => {
  const killing = join(temporaryFolder(), 'kill.mjs');
  await writeFile(killing, "if (process.argv[1]?.includes('engine-probe')) process.kill(process.pid, 'SIGILL');");
  vi.stubEnv('NODE_OPTIONS', `--import=${killing}`);
  const findings = await diagnose().finally(() => vi.unstubAllEnvs());
  for (const option of ['--engine tfjs-node', '--engine tfjs-node-gpu']) {
    const finding = findings.find((one) => one.option === option);
    expect(finding).toMatchObject({
      usable: false,
      about: expect.stringContaining('SIGILL'),
      remedy: expect.any(String),
    });
  }
  expect(findings.find(({ option }) => option === '--device cpu')?.usable).toBe(true);
});
