import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { cardSchema as pipelineSchema } from '../../pipeline/artifacts/card.ts';
import { readCard, verifyFiles } from '../../pipeline/artifacts/exported.ts';
import {
  initialState,
  readWeight,
  type WeightPlace,
  withWeights,
  writeWeight,
} from '../../web-viewer/src/engine/trainer-weights.ts';
import { FileProblem } from '../../web-viewer/src/site/problem.ts';
import { cardSchema, parseFile, type TrainStep } from '../../web-viewer/src/site/schema.ts';
import { batchIndices, batchOf, klWeightOf, sampleRows } from '../../web-viewer/src/views/train/batches.ts';
import { bundleOf, zipped } from '../../web-viewer/src/views/train/bundle.ts';
import { History, smoothed } from '../../web-viewer/src/views/train/history.ts';

const place = (shape: number[], permutation: number[], offset: number): WeightPlace => ({
  variable: 'w',
  shape,
  file: 'encoder.onnx',
  offset,
  bytes: 4 * shape.reduce((a, b) => a * b, 1),
  permutation,
});

/** A file with these float32 numbers at an offset, and other bytes around them. */
function fileWith(values: readonly number[], offset: number): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(offset + 4 * values.length + 3).fill(0xab);
  const view = new DataView(file.buffer);
  values.forEach((value, i) => {
    view.setFloat32(offset + 4 * i, value, true);
  });
  return file;
}

describe('a weight inside a file', () => {
  it('is read in the variable’s order', () => {
    // numpy: np.arange(6).reshape(2, 3).T is [[0, 3], [1, 4], [2, 5]].
    const file = fileWith([0, 3, 1, 4, 2, 5], 7);
    expect([...readWeight(file, place([2, 3], [1, 0], 7))]).toEqual([0, 1, 2, 3, 4, 5]);
    // numpy: np.arange(8).reshape(2, 2, 1, 2).transpose(3, 2, 0, 1).ravel() is [0, 2, 4, 6, 1, 3, 5, 7].
    const kernel = fileWith([0, 2, 4, 6, 1, 3, 5, 7], 1);
    expect([...readWeight(kernel, place([2, 2, 1, 2], [3, 2, 0, 1], 1))]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('is at the index of its variable, for any shape and order of axes', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });
    const cases = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        permutation: fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }),
        offset: fc.integer({ min: 0, max: 9 }),
      }),
    );
    fc.assert(
      fc.property(cases, ({ shape, permutation, offset }) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const values = Float32Array.from({ length: size }, (_, i) => i + 0.5);
        const where = place(shape, permutation, offset);
        const file = fileWith(Array(size).fill(0), offset);
        writeWeight(file, where, values);
        expect(readWeight(file, where)).toEqual(values);
        // The surrounding bytes are unchanged.
        expect([...file.subarray(0, offset), ...file.subarray(offset + 4 * size)]).toEqual(
          Array(offset + 3).fill(0xab),
        );
        // The value at an index of the variable, located by the definition.
        const at = (index: readonly number[], sides: readonly number[]) =>
          index.reduce((sum, i, axis) => sum * (sides[axis] as number) + i, 0);
        const index = shape.map((side) => side - 1).map((last, axis) => (axis % 2 ? last : Math.floor(last / 2)));
        const there = at(
          permutation.map((axis) => index[axis] as number),
          permutation.map((axis) => shape[axis] as number),
        );
        const found = new DataView(file.buffer).getFloat32(offset + 4 * there, true);
        expect(found).toBe(values[at(index, shape)]);
      }),
    );
  });

  it('must be inside the file and have the right size', () => {
    const file = fileWith([1, 2], 0);
    expect(() => readWeight(file, place([3], [0], 0))).toThrow('not inside');
    expect(() => writeWeight(file, place([2], [0], 0), new Float32Array(3))).toThrow('3 numbers');
  });

  it('is written at every occurrence, on copies', () => {
    const files = { encoder: fileWith([1, 2, 3, 4, 1, 2, 3, 4], 2), decoder: fileWith([9], 0) };
    const { variable, ...first } = place([2, 2], [0, 1], 2);
    const step: TrainStep = {
      ...trainStep,
      state: [
        { name: 'w', next: 'w:next', shape: [2, 2], initial: 'weights' },
        { name: 'm', next: 'm:next', shape: [], initial: 0.5 },
      ],
      weights: [
        { variable, ...first },
        { variable, ...first, offset: 18, permutation: [0, 1] },
      ],
    };
    const state = initialState(step, files);
    expect([...(state.get('w') ?? [])]).toEqual([1, 2, 3, 4]);
    expect([...(state.get('m') ?? [])]).toEqual([0.5]);
    expect(withWeights(step, files, state)).toEqual(files);
    const changed = withWeights(step, files, new Map([['w', Float32Array.of(5, 6, 7, 8)]]));
    expect(changed.encoder).toEqual(fileWith([5, 6, 7, 8, 5, 6, 7, 8], 2));
    expect(files.encoder).toEqual(fileWith([1, 2, 3, 4, 1, 2, 3, 4], 2));
  });
});

describe('random batches', () => {
  it('come from a sample without repetition that grows at its end', () => {
    const rows = sampleRows(1000, 300, 4);
    expect(new Set(rows).size).toBe(300);
    expect(Math.max(...rows)).toBeLessThan(1000);
    expect(sampleRows(1000, 32, 4)).toEqual(rows.slice(0, 32));
    expect(sampleRows(1000, 32, 5)).not.toEqual(rows.slice(0, 32));
    expect(sampleRows(9, 50, 1).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('use every row equally often', () => {
    const seen = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 4000; seed++) for (const row of sampleRows(10, 3, seed)) seen[row] = (seen[row] ?? 0) + 1;
    // 1200 of 4000 expected, with a standard deviation of 29.
    for (const count of seen) expect(Math.abs(count - 1200)).toBeLessThan(120);
  });

  it('have no repetition where there are enough images, else repeat images evenly', () => {
    expect(new Set(batchIndices(40, 32, 1, 0)).size).toBe(32);
    expect(batchIndices(40, 32, 1, 0)).not.toEqual(batchIndices(40, 32, 1, 1));
    expect(batchIndices(1, 4, 1, 0)).toEqual([0, 0, 0, 0]);
    const few = batchIndices(5, 32, 1, 3);
    const counts = [0, 1, 2, 3, 4].map((image) => few.filter((i) => i === image).length);
    expect(counts.toSorted()).toEqual([6, 6, 6, 7, 7]);
    expect(batchIndices(0, 4, 1, 0)).toEqual([]);
  });

  it('contain the inputs of a step', () => {
    const images = [0, 1, 2].map((label) => ({ pixels: new Uint8Array(4).fill(10 * label), label }));
    const how = { seed: 1, at: 5, rate: 0.5 };
    const batch = batchOf(card as never, trainStep, images, how);
    expect(batch.image.length).toBe(2 * 4);
    expect([...(batch.label ?? [])].map((label) => 10 * label)).toEqual([batch.image[0], batch.image[4]]);
    expect(batch.noise?.length).toBe(2 * 3);
    expect(batch).toMatchObject({ rate: 0.5, klWeight: 4 });
    expect(batchOf(card as never, trainStep, images, how)).toEqual(batch);
    expect(batchOf(card as never, trainStep, images, { ...how, at: 6 }).noise).not.toEqual(batch.noise);
    const plain = { ...trainStep, inputs: { image: [2, 2, 2, 1], rate: [] as [] } };
    expect(Object.keys(batchOf(card as never, plain, images, how))).toEqual(['image', 'rate']);
    expect(klWeightOf({ training: { recipe: {} } } as never)).toBe(1);
  });
});

describe('the losses', () => {
  it('are recorded, and written as CSV', () => {
    const history = new History(['loss', 'kl']);
    expect(history.recent('loss')).toBeNull();
    history.add([3, 1]);
    history.add(Float64Array.of(1, 0.1));
    expect(history.steps).toBe(2);
    expect(history.recent('loss')).toBe(2);
    expect(history.recent('loss', 1)).toBe(1);
    expect(history.csv()).toBe('step,loss,kl\n1,3,1\n2,1,0.1\n');
  });

  it('are smoothed over the last values', () => {
    expect(smoothed([4, 2, 3, 7], 2)).toEqual([4, 3, 2.5, 5]);
  });
});

const hex = (letter: string) => letter.repeat(64);
const trainStep: TrainStep = {
  file: 'train-step.onnx',
  sha256: hex('a'),
  bytes: 3,
  batchSize: 2,
  inputs: { image: [2, 2, 2, 1], label: [2], noise: [2, 3], rate: [], klWeight: [] },
  state: [
    { name: 'w', next: 'w:next', shape: [2], initial: 'weights' },
    { name: 'm', next: 'm:next', shape: [], initial: 0 },
  ],
  weights: [{ ...place([2], [0], 4), file: 'decoder.onnx' }],
  losses: ['loss', 'reconstruction', 'kl'],
};
const row = [0, 1, 2];
const images = { images: 9, fingerprint: `sha256:${hex('b')}` };
const card = {
  format: 1,
  convae: '0.1.0',
  model: { name: 'small', summary: 'a small one', error: 'binary cross-entropy', variational: true },
  dataset: { name: 'mnist', train: images, test: images },
  image: { height: 2, width: 2, channels: 1 },
  latent: {
    size: 3,
    statistics: { over: 'train', images: 9, mean: row, std: row, min: row, max: row },
    mixture: {
      over: 'train',
      codes: 9,
      logLikelihood: -1,
      weights: [1],
      means: [row],
      factors: [[1, 0, 1, 0, 0, 1]],
    },
  },
  classes: ['a', 'b', 'c'],
  conditional: { encoder: true, decoder: true },
  files: { 'encoder.onnx': { sha256: hex('c'), bytes: 20 }, 'decoder.onnx': { sha256: hex('d'), bytes: 12 } },
  opset: 20,
  metrics: { epoch: 1, step: 1, train: null, test: { reconstruction: 0.1 } },
  parity: { images: 1, latent: 0, image: 0, tolerance: 0.1 },
  training: {
    recipe: { epochs: 1, batchSize: 2, optimizer: { name: 'adam', learningRate: 0.001 }, beta: 4 },
    seed: 0,
    epochs: 1,
    engine: null,
  },
  trainStep,
};

describe('the card’s section on the training step', () => {
  it('is read as the pipeline writes it', () => {
    expect(pipelineSchema.parse(card).trainStep).toEqual(trainStep);
    expect(parseFile(cardSchema, card, 'card.json').trainStep).toEqual(trainStep);
    const { trainStep: _, ...without } = card;
    expect(parseFile(cardSchema, without, 'card.json').trainStep).toBeUndefined();
  });

  const weight = trainStep.weights[0] as WeightPlace;
  it.each([
    ['another file', { file: '../../secret' }],
    ['too large a batch', { batchSize: 1e6 }],
    ['images of another shape', { inputs: { ...trainStep.inputs, image: [2, 3, 2, 1] } }],
    ['noise of another size', { inputs: { ...trainStep.inputs, noise: [2, 2] } }],
    ['a weight beyond the end of its file', { weights: [{ ...weight, offset: 5 }] }],
    ['bytes that do not fit', { weights: [{ ...weight, bytes: 12 }] }],
    ['invalid axes', { weights: [{ ...weight, permutation: [1] }] }],
    ['a weight without a location', { weights: [] }],
    ['a weight of another shape', { state: [{ ...trainStep.state[0], shape: [1, 2] }] }],
    ['more than a page can hold', { state: [...trainStep.state, { ...trainStep.state[1], shape: [4096, 4097] }] }],
    ['no loss', { losses: ['kl'] }],
  ])('is refused with %s', (_, part) => {
    const changed = { ...card, trainStep: { ...trainStep, ...part } };
    expect(() => parseFile(cardSchema, changed, 'card.json')).toThrow(FileProblem);
  });
});

describe('the download of the trained model', () => {
  const digest = async (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const graph = Uint8Array.of(1, 2, 3);
  const step = { ...trainStep, sha256: createHash('sha256').update(graph).digest('hex') };
  const files = { encoder: new Uint8Array(20).fill(1), decoder: new Uint8Array(12).fill(2) };
  const facts = { name: 'small', steps: 120, batchSize: 2, own: 3, sample: 0, set: 'mnist', rate: 0.316_227 };

  it('is a folder that the pipeline accepts, with an unchanged card except for the files', async () => {
    const bundle = await bundleOf({ ...card, trainStep: step }, graph, files, facts, digest);
    const unpacked = unzipSync(zipped('small-trained', bundle));
    const folder = await mkdtemp(join(tmpdir(), 'convae-trained-'));
    try {
      for (const [path, bytes] of Object.entries(unpacked)) {
        expect(path.startsWith('small-trained/')).toBe(true);
        await writeFile(join(folder, path.slice('small-trained/'.length)), bytes);
      }
      const written = await readCard(folder);
      await verifyFiles(folder, written);
      const summary = 'a small one (trained further in a browser: 120 steps)';
      expect(written).toEqual({
        ...card,
        model: { ...card.model, summary },
        trainStep: step,
        files: {
          'encoder.onnx': { sha256: await digest(files.encoder), bytes: 20 },
          'decoder.onnx': { sha256: await digest(files.decoder), bytes: 12 },
        },
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says which figures no longer apply', async () => {
    const bundle = await bundleOf(card, graph, files, { ...facts, sample: 64 }, digest);
    const readme = new TextDecoder().decode(bundle.get('README.txt'));
    expect(readme).toContain('120 more training steps');
    expect(readme).toContain('64 of mnist and 3 added by hand');
    expect(readme).toContain('0.316 times the learning rate');
    expect(readme).toContain('do not apply to these weights');
  });
});
