import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { checkpointFiles, type Files, readCheckpoint } from '../../pipeline/artifacts/checkpoint.ts';
import { publishCheckpoint } from '../../pipeline/artifacts/run-folder.ts';
import { sha256 } from '../../pipeline/io/digest.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { loadRun } from '../../pipeline/train/load-run.ts';
import { buildProgram } from '../../pipeline/train/program.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from '../train/folders.ts';
import { contentsOf } from '../train/run-digest.ts';
import { never, stripeSplits, stripes, tiny, tinyOptions } from '../train/tiny.ts';

const known = { tiny };

/** A trained run, made once and copied by each test. */
let trained: Map<string, Buffer>;
let state: Awaited<ReturnType<typeof readCheckpoint>>['state'];

function runCopy(): string {
  const run = join(temporaryFolder(), 'run');
  for (const [file, data] of trained) {
    mkdirSync(join(run, 'checkpoints/epoch-002', file, '..'), { recursive: true });
    writeFileSync(join(run, 'checkpoints/epoch-002', file), data);
  }
  for (const link of ['latest', 'best']) symlinkSync('checkpoints/epoch-002', join(run, link));
  return run;
}

beforeAll(async () => {
  await prepareEngine('tfjs-cpu', 'auto');
  const run = mkdtempSync(join(tmpdir(), 'convae-test-'));
  await trainOn(stripeSplits(), tinyOptions(join(run, 'run')), never);
  trained = contentsOf(join(run, 'run', 'latest'));
  ({ state } = await readCheckpoint(join(run, 'run', 'latest')));
  rmSync(run, { recursive: true });
});

test('loaded by tfjs itself, both models give the outputs of the trained ones', async () => {
  const run = runCopy();
  const { program } = await loadRun(run, 'best', known);
  const images = new Uint8Array(5 * 30);
  await stripes(5).read([0, 1, 2, 3, 4], images);
  const pixels = tf.div(tf.tensor4d(Float32Array.from(images), [5, 6, 5, 1]), 255) as tf.Tensor4D;
  const latent = program.autoencoder.encode({ image: pixels }).latent;
  for (const [part, input, expected] of [
    ['encoder', pixels, latent],
    ['decoder', latent, program.autoencoder.decoder.predict(latent) as tf.Tensor],
  ] as const) {
    // As tfjs-node's file handler reads a model folder.
    const json = JSON.parse(readFileSync(join(run, 'best', part, 'model.json'), 'utf8'));
    const [{ paths, weights }] = json.weightsManifest;
    const data = Buffer.concat(paths.map((path: string) => readFileSync(join(run, 'best', part, path))));
    const weightData = new Uint8Array(data).buffer;
    const model = await loadLayersModel(
      tf.io.fromMemory({ modelTopology: json.modelTopology, weightSpecs: weights, weightData }),
    );
    const output = model.predict(input) as tf.Tensor;
    expect([...output.dataSync()]).toEqual([...expected.dataSync()]);
    expect(json).toMatchObject({ format: 'layers-model', convertedBy: null });
  }
});

test('equal states give equal bytes, also in another program', async () => {
  const run = runCopy();
  const { program } = await loadRun(run, 'latest', known);
  const files: Files = await checkpointFiles(program, state);
  expect(Object.keys(files).sort()).toEqual([...trained.keys()].sort());
  for (const [file, data] of Object.entries(files))
    expect(Buffer.from(data).equals(trained.get(file) as Buffer)).toBe(true);
});

test('a checkpoint is loaded as it was saved, optimizer state included', async () => {
  const program = buildProgram(tiny, { ...state.plan.size, seed: 99 });
  for (const { variable } of [...program.weights, ...program.optimizerState]) {
    variable.assign(tf.randomNormal(variable.shape));
  }
  const run = join(temporaryFolder(), 'run');
  await publishCheckpoint(run, state.position, await checkpointFiles(program, state), { best: false });
  const loaded = await loadRun(run, 'latest', known);
  expect(loaded.state).toEqual(state);
  for (const part of ['weights', 'optimizerState'] as const) {
    expect(program[part].length).toBeGreaterThan(0);
    expect(loaded.program[part].map(({ name, variable }) => [name, [...variable.dataSync()]])).toEqual(
      program[part].map(({ name, variable }) => [name, [...variable.dataSync()]]),
    );
  }
});

const damages = {
  'loses its end': (data: Buffer, at: number) => data.subarray(0, at),
  'has a bit flipped': (data: Buffer, at: number) => {
    const copy = Buffer.from(data);
    copy[at] = (copy[at] as number) ^ (1 << (at % 8));
    return copy;
  },
  grows: (data: Buffer, at: number) => Buffer.concat([data, data.subarray(0, at + 1)]),
  'is missing': () => undefined,
};

test.each(Object.entries(damages))(
  'a checkpoint of which any file %s is refused by name, in one line',
  async (_, damage) => {
    const run = runCopy();
    const folder = join(run, 'checkpoints', 'epoch-002');
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...trained.keys()), fc.nat(), async (file, random) => {
        const intact = trained.get(file) as Buffer;
        const damaged = damage(intact, random % intact.length);
        if (damaged) writeFileSync(join(folder, file), damaged);
        else rmSync(join(folder, file));
        const error = await loadRun(run, 'latest', known).catch((thrown: unknown) => thrown);
        writeFileSync(join(folder, file), intact);
        expect(error).toBeInstanceOf(InputError);
        expect((error as Error).message).not.toContain('\n');
        expect((error as Error).message).toMatch(/train again|use the version/);
        // A damaged list of checksums may well blame another file.
        if (file !== 'SHA256SUMS') expect((error as Error).message).toContain(join(folder, file));
      }),
      { numRuns: 60 },
    );
    expect((await loadRun(run, 'latest', known)).state).toEqual(state);
  },
);

/** A folder of files that are consistent with one another, for errors beyond the checksums. */
async function rewritten(change: (files: Record<string, string>) => void): Promise<string> {
  const run = runCopy();
  const folder = join(run, 'checkpoints', 'epoch-002');
  const texts: Record<string, string> = {};
  for (const [file, data] of trained) if (file !== 'SHA256SUMS') texts[file] = data.toString('latin1');
  change(texts);
  const sums = Object.entries(texts).map(([file, text]) => {
    writeFileSync(join(folder, file), text, 'latin1');
    return `${sha256(Buffer.from(text, 'latin1'))}  ${file}\n`;
  });
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
  return run;
}

test('damaged or unexpected contents are named even where the checksums match', async () => {
  const cases: [string, RegExp, (files: Record<string, string>) => void][] = [
    ['encoder/model.json', /it is not JSON/, (files) => (files['encoder/model.json'] = '{"modelTopology": {')],
    ['decoder/model.json', /expected .* at modelTopology/i, (files) => (files['decoder/model.json'] = '{}')],
    ['decoder/weights.bin', /it has 4 bytes, 480 were expected/, (files) => (files['decoder/weights.bin'] = 'abcd')],
    ['optimizer.json', /expected .* at weights/i, (files) => (files['optimizer.json'] = '{}')],
    [
      'state.json',
      / at position\.step/,
      (files) => (files['state.json'] = files['state.json']?.replace(/"step": \d+/, '"step": -3') ?? ''),
    ],
    [
      'state.json',
      /format 7 is unknown, this version reads formats up to 2/,
      (files) => (files['state.json'] = '{"format": 7}'),
    ],
  ];
  for (const [file, message, change] of cases) {
    const run = await rewritten(change);
    const loading = loadRun(run, 'latest', known);
    await expect(loading).rejects.toThrow(InputError);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(join('epoch-002', file));
  }
});

test('weights of another shape or name are refused', async () => {
  const shape = await rewritten((files) => {
    files['state.json'] = files['state.json']?.replace('"latent": 3', '"latent": 4') ?? '';
  });
  await expect(loadRun(shape, 'latest', known)).rejects.toThrow(
    /encoder\/embedding\/kernel should be of shape \[30,4\], the checkpoint has \[30,3\]/,
  );
  const name = await rewritten((files) => {
    files['decoder/model.json'] = files['decoder/model.json']?.replace('"expand/bias"', '"expand/bia"') ?? '';
  });
  await expect(loadRun(name, 'latest', known)).rejects.toThrow(
    /decoder\/expand\/bias should be .* the checkpoint has nothing/,
  );
});

test('a state of which no model can be built is refused', async () => {
  const huge = await rewritten((files) => {
    files['state.json'] = files['state.json']?.replace('"latent": 3', '"latent": 1000000000000') ?? '';
  });
  await expect(loadRun(huge, 'latest', known)).rejects.toThrow(InputError);
});

test('a run that is missing, has no checkpoint, an unknown model or a link to nowhere', async () => {
  const empty = temporaryFolder();
  await expect(loadRun(join(empty, 'none'), 'latest')).rejects.toThrow(/none: there is no such folder/);
  await expect(loadRun(empty, 'best')).rejects.toThrow(/there is no best checkpoint/);
  await expect(loadRun(runCopy(), 'latest')).rejects.toThrow(/there is no model 'tiny'; there is conv-ae, dcec, cae, /);
  const dangling = runCopy();
  rmSync(join(dangling, 'checkpoints'), { recursive: true });
  await expect(loadRun(dangling, 'latest', known)).rejects.toThrow(InputError);
  for (const loading of [loadRun(empty, 'best'), loadRun(runCopy(), 'latest')])
    await expect(loading).rejects.toThrow(InputError);
});

test('a run copied with its links resolved can be read', async () => {
  const run = runCopy();
  const copy = join(temporaryFolder(), 'copy');
  cpSync(run, copy, { recursive: true, dereference: true });
  for (const link of ['latest', 'best']) {
    rmSync(join(copy, link), { recursive: true, force: true });
    cpSync(join(run, 'checkpoints/epoch-002'), join(copy, link), { recursive: true });
  }
  expect((await loadRun(copy, 'latest', known)).state).toEqual(state);
  truncateSync(join(copy, 'best', 'optimizer.bin'), 3);
  await expect(loadRun(copy, 'best', known)).rejects.toThrow(/best.optimizer\.bin/);
  expect(readdirSync(copy)).toContain('latest');
});
