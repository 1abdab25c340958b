import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { ModelProtoSchema, TensorProto_DataType as Type } from 'onnx-buf';
import ort from 'onnxruntime-node';
import type { Graph } from 'tfjs-to-onnx';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import type { ModelDefinition, ModelSize } from '../../models/kit/model.ts';
import { trainStepSchema } from '../../pipeline/artifacts/card.ts';
import { type OnnxModels, type TracedModels, traceModel } from '../../pipeline/export/trace-model.ts';
import { type TrainStep, traceTrainStep } from '../../pipeline/export/train-step.ts';
import { buildProgram, type TrainingProgram } from '../../pipeline/train/program.ts';

const size: ModelSize = { height: 12, width: 12, channels: 1, latent: 3, classes: 4, seed: 7, filters: 8 };
const [BATCH, STEPS] = [2, 3];
/** As a page's sliders would set them. */
const [RATE, KL_WEIGHT] = [0.5, 0.3];
/** Of float32 sums in another order, relative to 1 + the number. */
const TOLERANCE = 1e-5;

const named = (name: string): ModelDefinition => {
  const model = models[name];
  if (!model) throw new Error(`there is no model ${name}`);
  return model;
};

interface Exported {
  readonly program: TrainingProgram;
  readonly files: TracedModels;
  readonly step: TrainStep;
}

function exportStep(model: ModelDefinition): Exported {
  const program = buildProgram(model, size);
  const files = traceModel(model, program.autoencoder, size);
  return { program, files, step: traceTrainStep(program, model.recipe.optimizer, files, BATCH) };
}

const images = Uint8Array.from({ length: STEPS * BATCH * 144 }, (_, i) => (i * i * 7 + (i % 12) * 20) % 256);
const noise = Float32Array.from({ length: STEPS * BATCH * size.latent }, (_, i) => 1.5 * Math.sin(3 * i + 1));
const labels = Int32Array.from({ length: STEPS * BATCH }, (_, i) => (3 * i + 1) % size.classes);
const part = <T extends Uint8Array | Float32Array | Int32Array>(all: T, step: number) =>
  all.slice((step * all.length) / STEPS, ((step + 1) * all.length) / STEPS) as T;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each([
  { name: 'cae', inputs: ['image', 'rate'], losses: ['loss', 'reconstruction'] },
  { name: 'cvae', inputs: ['image', 'noise', 'rate', 'klWeight'], losses: ['loss', 'reconstruction', 'kl'] },
  { name: 'ccvae', inputs: ['image', 'label', 'noise', 'rate', 'klWeight'], losses: ['loss', 'reconstruction', 'kl'] },
])('$name', ({ name, inputs, losses }) => {
  let exported: Exported;
  let session: ort.InferenceSession;
  const state: Record<string, ort.Tensor> = {};
  const seen = { traced: [] as number[], eager: [] as number[] };

  beforeAll(async () => {
    exported = exportStep(named(name));
    const { section, bytes } = exported.step;
    session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 });
    for (const { name, shape, initial } of section.state) {
      const values = new Float32Array(tf.util.sizeFromShape(shape));
      state[name] = new ort.Tensor(
        'float32',
        initial === 'weights' ? weightIn(exported, name) : values.fill(initial),
        shape,
      );
    }
    for (let step = 0; step < STEPS; step++) {
      const feeds: Record<string, ort.Tensor> = {
        image: new ort.Tensor('uint8', part(images, step), section.inputs.image),
        label: new ort.Tensor('int32', part(labels, step), [BATCH]),
        noise: new ort.Tensor('float32', part(noise, step), [BATCH, size.latent]),
        rate: new ort.Tensor('float32', [RATE], []),
        klWeight: new ort.Tensor('float32', [KL_WEIGHT], []),
      };
      const given = Object.fromEntries(Object.entries(feeds).filter(([input]) => input in section.inputs));
      const outputs = await session.run({ ...given, ...state });
      for (const { name, next } of section.state) state[name] = outputs[next] as ort.Tensor;
      seen.traced.push(...section.losses.map((loss) => Number(outputs[loss]?.data[0])));
    }
    const { program } = exported;
    for (let step = 0; step < STEPS; step++) {
      const { step: train } = program.programs;
      const result = train.compute({
        image: tf.tensor4d(part(images, step), [BATCH, 12, 12, 1], 'int32'),
        label: tf.tensor1d(part(labels, step), 'int32'),
        noise: tf.tensor2d(part(noise, step), [BATCH, size.latent]),
        rate: tf.scalar(RATE),
        klWeight: tf.scalar(KL_WEIGHT),
      });
      seen.eager.push(...Object.values(result).map((loss) => Number(loss.dataSync()[0])));
    }
  }, 30_000);

  afterAll(() => session.release());

  test('the section names the inputs and outputs of the graph, and fits the card', () => {
    const { section, bytes } = exported.step;
    expect(Object.keys(section.inputs)).toEqual(inputs);
    expect(section.losses).toEqual(losses);
    expect([...session.inputNames].sort()).toEqual([...inputs, ...section.state.map(({ name }) => name)].sort());
    expect([...session.outputNames].sort()).toEqual([...losses, ...section.state.map(({ next }) => next)].sort());
    const written = { ...section, bytes: bytes.length, sha256: '0'.repeat(64) };
    expect(trainStepSchema.parse(JSON.parse(JSON.stringify(written)))).toEqual(written);
  });

  test('three steps from the weights in the files give the losses and weights of eager tfjs', () => {
    expect(largestError(seen.traced, seen.eager)).toBeLessThan(TOLERANCE);
    expect(seen.eager[losses.length * (STEPS - 1)]).toBeLessThan(Number(seen.eager[0]));
    const { weights, optimizerState } = exported.program;
    expect(exported.step.section.state.map(({ name }) => name)).toEqual(
      [...weights, ...optimizerState].map(({ name }) => name),
    );
    for (const { name, variable } of [...weights, ...optimizerState]) {
      expect(largestError(state[name]?.data as Float32Array, variable.dataSync()), name).toBeLessThan(TOLERANCE);
    }
  });

  test('trained weights written into the files make the trained model', async () => {
    const trained = withWeights(exported, state);
    const { program, files } = exported;
    const image = tf.tensor4d(part(images, 0), [BATCH, 12, 12, 1], 'int32');
    const label = tf.tensor1d(part(labels, 0), 'int32');
    const expected = program.autoencoder.encode({ image: tf.div(image, 255), label });
    const labelled = { label: new ort.Tensor('int32', part(labels, 0), [BATCH]) };
    const encode = async (bytes: Uint8Array) => {
      const pixels = new ort.Tensor('uint8', part(images, 0), [BATCH, 12, 12, 1]);
      return await run(bytes, { image: pixels, ...labelled });
    };
    const { latent, logvar } = await encode(trained.encoder);
    expect(largestError(latent?.data as Float32Array, expected.latent.dataSync())).toBeLessThan(TOLERANCE);
    if (expected.logvar) {
      expect(largestError(logvar?.data as Float32Array, expected.logvar.dataSync())).toBeLessThan(TOLERANCE);
    }
    const before = await encode(files.encoder);
    expect(largestError(before.latent?.data as Float32Array, expected.latent.dataSync())).toBeGreaterThan(1e-3);

    const decoded = await run(trained.decoder, { latent: latent as ort.Tensor, ...labelled });
    const expectedImage = program.autoencoder.decode(expected.latent, label);
    expect(largestError(decoded.image?.data as Float32Array, expectedImage.dataSync())).toBeLessThan(TOLERANCE);
  });

  test('it holds only small constants, and operators that ONNX Runtime has for WebGPU', () => {
    const { graph, opsetImport } = fromBinary(ModelProtoSchema, exported.step.bytes);
    expect(opsetImport.map(({ domain }) => domain)).toEqual(['']);
    const constants = new Map(graph?.initializer.map((tensor) => [tensor.name, tensor]));
    for (const { name, rawData } of constants.values()) expect(rawData.length, name).toBeLessThanOrEqual(256);
    const nodes = graph?.node ?? [];
    expect(nodes.map(({ opType }) => opType).filter((op) => !WEBGPU.has(op))).toEqual([]);
    // 64-bit integers say shapes and axes, and are never computed with.
    for (const { name, opType, input } of nodes) {
      const wide = input.filter((operand) => constants.get(operand)?.dataType === Type.INT64);
      if (wide.length > 0) expect(SHAPED, name).toContain(opType);
      expect(wide, name).not.toContain(input[0]);
    }
    expect(nodes.flatMap(({ attribute }) => attribute).filter(({ name, i }) => name === 'to' && i === 7n)).toEqual([]);
  });

  const python = process.env.CONVAE_PEER_PYTHON;
  if (!python) console.log("skipped: onnx's own checker (CONVAE_PEER_PYTHON names no Python with onnx)");
  test.skipIf(!python)("onnx's checker finds nothing wrong with the step and the files that it trained", () => {
    const folder = mkdtempSync(join(tmpdir(), 'convae-step-'));
    const { encoder, decoder } = withWeights(exported, state);
    const paths = [encoder, decoder, exported.step.bytes].map((bytes, i) => {
      const path = join(folder, `${i}.onnx`);
      writeFileSync(path, bytes);
      return path;
    });
    const check = 'import onnx, sys; [onnx.checker.check_model(onnx.load(f), full_check=True) for f in sys.argv[1:]]';
    execFileSync(python ?? '', ['-c', check, ...paths]);
    rmSync(folder, { recursive: true });
  });
});

describe('the places of weights', () => {
  const cae = named('cae');

  test.each(Object.keys(models))(
    '%s: every weight is where the section says, in the order of axes that it gives',
    (name) => {
      const { program, files, step } = exportStep(named(name));
      for (const { name: weight, variable } of program.weights) {
        const places = placesOf(step, weight);
        expect(places.length, weight).toBeGreaterThan(0);
        for (const { file, offset, bytes, shape, permutation } of places) {
          expect(shape).toEqual(variable.shape);
          const stored = new Float32Array(fileOf(files, file).slice(offset, offset + bytes).buffer);
          expect([...stored], weight).toEqual([...tf.transpose(variable, permutation).dataSync()]);
        }
      }
      expect(new Set(step.section.weights.map(({ file, offset }) => `${file} ${offset}`)).size).toBe(
        step.section.weights.length,
      );
    },
  );

  test('equal weights have separate places, and a weight of equal numbers has its order of axes', () => {
    const program = buildProgram(named('cvae'), size);
    const weights = new Map(program.weights.map(({ name, variable }) => [name, variable]));
    for (const name of ['encoder/mu/bias', 'encoder/logvar/bias', 'encoder/conv2/kernel']) {
      const variable = weights.get(name) as tf.Variable;
      variable.assign(tf.fill(variable.shape, 0.25));
    }
    const files = traceModel(named('cvae'), program.autoencoder, size);
    const { section } = traceTrainStep(program, named('cvae').recipe.optimizer, files, BATCH);
    expect(new Set(section.weights.map(({ file, offset }) => `${file} ${offset}`)).size).toBe(program.weights.length);
    expect(section.weights.find(({ variable }) => variable === 'encoder/conv2/kernel')?.permutation).toEqual([
      3, 2, 0, 1,
    ]);
  });

  test('a weight that neither file has, or has in another shape, is named', () => {
    const { program, files } = exportStep(cae);
    const trace = (weights: TrainingProgram['weights']) =>
      traceTrainStep({ ...program, weights }, cae.recipe.optimizer, files, BATCH);
    const renamed = program.weights.map((one) =>
      one.name === 'encoder/conv1/kernel' ? { ...one, name: 'encoder/other/kernel' } : one,
    );
    expect(() => trace(renamed)).toThrow(/encoder\/other\/kernel .* encoder\.onnx .* decoder\.onnx/);
    const { graphs } = files;
    const reshape = (ref: Graph['constants'][number]) =>
      ref.weight ? { ...ref, weight: { ...ref.weight, shape: [1, ...ref.weight.shape] } } : ref;
    const encoder = { ...graphs.encoder, constants: graphs.encoder.constants.map(reshape) };
    expect(() =>
      traceTrainStep(program, cae.recipe.optimizer, { ...files, graphs: { ...graphs, encoder } }, BATCH),
    ).toThrow(/encoder\/conv1\/kernel .*\[1,5,5,1,8\] in encoder\.onnx.*\[5,5,1,8\]/);
  });

  test('a section that contradicts itself does not fit the card', () => {
    const { section, bytes } = exportStep(cae).step;
    const good = { ...section, bytes: bytes.length, sha256: '0'.repeat(64) };
    const [first, ...others] = good.weights;
    const complaint = (weights: unknown) => trainStepSchema.safeParse({ ...good, weights }).error?.message;
    expect(complaint(good.weights)).toBeUndefined();
    expect(complaint([{ ...first, permutation: [3, 2, 0, 0] }, ...others])).toContain('the numbers from 0 to 3');
    expect(complaint([{ ...first, bytes: 4 }, ...others])).toContain('expected 800 bytes, got 4');
    expect(complaint(others)).toContain('expected weights to have encoder/conv1/kernel');
  });
});

/** A weight in tfjs's order, read from the files as the card says. */
function weightIn({ files, step }: Exported, variable: string): Float32Array {
  const { file, offset, bytes, shape, permutation } = placesOf(step, variable)[0] ?? {};
  if (!file || !shape || !permutation || offset === undefined) throw new Error(`${variable} has no place`);
  const raw = new Float32Array(fileOf(files, file).slice(offset, offset + (bytes ?? 0)).buffer);
  const stored = tf.tensor(
    raw,
    permutation.map((axis) => shape[axis] ?? 0),
  );
  const inverse = shape.map((_, axis) => permutation.indexOf(axis));
  return tf.transpose(stored, inverse).dataSync() as Float32Array;
}

/** The files with other weights in their places. */
function withWeights({ files, step }: Exported, state: Readonly<Record<string, ort.Tensor>>): OnnxModels {
  const copies = { encoder: files.encoder.slice(), decoder: files.decoder.slice() };
  for (const { variable, file, offset, shape, permutation } of step.section.weights) {
    const trained = tf.tensor(state[variable]?.data as Float32Array, shape);
    const values = tf.transpose(trained, permutation).dataSync() as Float32Array;
    fileOf(copies, file).set(new Uint8Array(values.slice().buffer), offset);
  }
  return copies;
}

const placesOf = ({ section }: TrainStep, variable: string) =>
  section.weights.filter((place) => place.variable === variable);
const fileOf = ({ encoder, decoder }: OnnxModels, file: 'encoder.onnx' | 'decoder.onnx') =>
  file === 'encoder.onnx' ? encoder : decoder;

async function run(bytes: Uint8Array, feeds: Record<string, ort.Tensor>) {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const given = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
  try {
    return await session.run(Object.fromEntries(given));
  } finally {
    await session.release();
  }
}

function largestError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.NaN;
  return Math.max(
    ...Array.from(expected, (value, i) => Math.abs((got[i] ?? Number.NaN) - value) / (1 + Math.abs(value))),
  );
}

/** Operators that onnxruntime-web has for WebGPU, of those that a step can need. */
const WEBGPU: ReadonlySet<string> = new Set(
  `Abs Add Cast Ceil Clip Concat Conv ConvTranspose Div Equal Exp Expand Gemm Greater Identity Log MatMul Mul Neg Pad ReduceMean
  ReduceSum Relu Reshape Sigmoid Slice Split Sqrt Sub Tile Transpose`.split(/\s+/),
);
/** Those that take shapes, axes or positions besides the tensor itself. */
const SHAPED = ['Expand', 'Pad', 'ReduceMean', 'ReduceSum', 'Reshape', 'Slice', 'Split', 'Tile'];
