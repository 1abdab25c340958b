import type { LayersModel } from '@tensorflow/tfjs-layers';
import { readRun } from '../artifacts/run-folder.ts';
import { readBatches } from '../data/batches.ts';
import { closeSplits, partsOf } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { checkOutside } from '../data/outside.ts';
import { summaryLines, summaryOf } from '../data/summary.ts';
import { controlsAt } from './controls.ts';
import { createEngine, prepareEngine } from './engines/index.ts';
import { takeWeights } from './init.ts';
import { restoreProgram } from './load-run.ts';
import type { TrainOptions } from './options.ts';
import type { Trained } from './pictures.ts';
import { assertTaken } from './plan.ts';
import { drawNoise } from './program.ts';
import { REFRESH_STEPS } from './targets.ts';
import { buildModel, type DataChoice, openData, planFor } from './train.ts';

/** Steps that are done before the time is taken, and how long it is taken for at most. */
const WARM_UP = 2;
const [MOST_STEPS, MOST_MS] = [20, 3000];

/**
 * What `train` would do, without writing anything: data, layers, steps, and the time that it would take, from a few real
 * steps.
 * @throws InputError, EnvironmentError as `train`
 */
export async function dryRun(options: TrainOptions & DataChoice) {
  const { model, engine: choice, device, threads } = options;
  await prepareEngine(choice, device, threads);
  assertTaken(model, options);
  if (options.data !== undefined) await checkOutside(options.data, options.run);
  const checkpoint = options.resume ? await readRun(options.run, 'latest') : undefined;
  const found = checkpoint?.state;
  const splits = await openData(options, found?.plan);
  try {
    const { data, initial, plan, notes } = await planFor(splits, options, found);
    const program = buildModel(model, plan);
    if (checkpoint) restoreProgram(program, checkpoint, options.run);
    const taken = initial && takeWeights(program, initial);
    const engine = await createEngine(choice, device, program, { threads });
    try {
      const { batchSize, epochs } = plan.recipe;
      const stepsPerEpoch = Math.ceil(data.train.length / batchSize);
      const { step, evaluation, assignment } = await secondsOf({ plan, data, program, engine });
      const batches = partsOf(data)
        .slice(1)
        .map(({ length }) => Math.ceil(length / batchSize));
      const evaluations = batches.reduce((sum, count) => sum + count, 0);
      const epochsLeft = epochs - (found?.position.epoch ?? 0);
      const { encoder, decoder } = program.autoencoder;
      const layers = [...layersOf('encoder', encoder), ...layersOf('decoder', decoder)];
      return {
        run: options.run,
        plan,
        notes: [
          ...summaryLines(summaryOf(splits)),
          ...notes,
          ...(taken ? [`${taken.taken} of ${taken.all} weights from ${initial?.init.from}`] : []),
        ],
        layers,
        parameters: layers.reduce((sum, { parameters }) => sum + parameters, 0),
        stepsPerEpoch,
        steps: epochs * stepsPerEpoch,
        engine: engine.description,
        /** Estimated, of the epochs that are left. */
        seconds:
          Math.max(0, epochsLeft) *
          (stepsPerEpoch * (step + (stepsPerEpoch / REFRESH_STEPS) * assignment) + evaluations * evaluation),
      };
    } finally {
      await engine.dispose();
    }
  } finally {
    await closeSplits(splits);
  }
}

/** Seconds of a training step, of evaluating a batch and, of a model with clusters, of assigning one. */
async function secondsOf({ plan, data, program, engine }: Trained) {
  const noise = Generator.of(0, 'dry run');
  const controls = controlsAt(plan.recipe, 0, 1);
  const next = async () => {
    for await (const batch of readBatches(data.train, plan.recipe.batchSize, { ahead: 0 })) return batch;
    throw new Error('no training images');
  };
  const batch = await next();
  const { clusters } = program.autoencoder;
  const target = clusters && new Float32Array(batch.count * clusters).fill(1 / clusters);
  const given = { ...batch, noise: drawNoise(program, batch.count, noise), target: target || undefined, controls };
  const timed = async (work: () => Promise<unknown>) => {
    for (let i = 0; i < WARM_UP; i++) await work();
    const start = performance.now();
    let count = 0;
    while (count < MOST_STEPS && (count === 0 || performance.now() - start < MOST_MS)) {
      await work();
      count++;
    }
    return (performance.now() - start) / 1000 / count;
  };
  return {
    step: await timed(() => engine.step(given)),
    evaluation: await timed(() => engine.evaluate(given)),
    assignment: clusters ? await timed(() => engine.assign(given)) : 0,
  };
}

/** The layers of a model, with the shape of their output for one image. */
const layersOf = (part: string, { layers }: LayersModel) =>
  layers.map((layer) => ({
    part,
    name: layer.name,
    kind: layer.getClassName(),
    output: ([layer.outputShape].flat(2) as (number | null)[]).slice(1).join('×'),
    parameters: layer.countParams(),
  }));
