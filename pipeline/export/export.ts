import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { OPSET } from 'tfjs-to-onnx';
import { spreadOf } from '../analyse/spread.ts';
import { CARD_FORMAT, type Card, TRAIN_STEP_FILE } from '../artifacts/card.ts';
import { copyTraining, writeCard } from '../artifacts/exported.ts';
import type { RunPlan, RunState } from '../artifacts/run.ts';
import type { DatasetSplits } from '../data/dataset.ts';
import { openSplits } from '../data/open.ts';
import { withSessions } from '../inference/sessions.ts';
import { fileDigest } from '../io/digest.ts';
import { InputError } from '../io/errors.ts';
import { version } from '../io/installation.ts';
import { publishFolder } from '../io/publish.ts';
import { loadRun } from '../train/load-run.ts';
import type { TrainingProgram } from '../train/program.ts';
import { latentMixture } from './mixture.ts';
import { measureParity } from './parity.ts';
import { type OnnxModels, traceModel } from './trace-model.ts';
import { traceTrainStep } from './train-step.ts';

export interface ExportOptions {
  /** The run folder. */
  readonly run: string;
  /** The folder to export to. */
  readonly out: string;
  /** Which of the run's checkpoints. */
  readonly which: 'best' | 'latest';
  /** The run's data, where they have moved since training. */
  readonly data?: string | undefined;
  /** Adds a training step for batches of that size. */
  readonly trainStep?: { readonly batchSize: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExportResult {
  readonly out: string;
  readonly card: Card;
  readonly seconds: number;
}

/** The largest absolute difference between tfjs and ONNX Runtime that is published. */
const PARITY_TOLERANCE = 1e-4;

/** Files that commands put next to an exported model, and that a new export makes out of date. */
const DERIVED = {
  training: 'metrics.jsonl',
  report: 'report.json',
  pictures: 'reconstructions.png',
  viewer: 'manifest.json',
  [TRAIN_STEP_FILE]: '',
};

/**
 * Exports a run's checkpoint: `encoder.onnx`, `decoder.onnx` and `card.json`, checked against tfjs on real images, and
 * `train-step.onnx` if asked for.
 * @throws InputError when the run has no finished epoch, is damaged, or its data cannot be found; Error when the ONNX
 * models do not compute what tfjs does (nothing is published then)
 */
export async function exportRun({ run, out, which, data, trainStep, signal }: ExportOptions): Promise<ExportResult> {
  const began = performance.now();
  tf.enableProdMode();
  await tf.setBackend('cpu');
  const { state, program } = await loadRun(run, which);
  const { plan, position } = state;
  if (!position.metrics) {
    throw new InputError(
      `${run}: no epoch of this run is finished; resume it with \`convae train ${plan.model} --run ${run} --resume\``,
    );
  }
  const { metrics } = position;
  const splits = await openSplits(data ?? plan.data.name);
  try {
    await assertSameData(splits, state, run);
    const models = traceModel(program.model, program.autoencoder, program.size);
    const { parity, variational, latent } = await measure(models, program, splits, plan, signal);
    const step = trainStep && traceTrainStep(program, plan.recipe.optimizer, models, trainStep.batchSize);
    let card: Card | undefined;
    await publishFolder(
      out,
      async (folder) => {
        const [encoder, decoder] = [join(folder, 'encoder.onnx'), join(folder, 'decoder.onnx')];
        await writeFile(encoder, models.encoder);
        await writeFile(decoder, models.decoder);
        if (step) await writeFile(join(folder, step.section.file), step.bytes);
        await copyTraining(run, folder);
        card = await writeCard(folder, {
          format: CARD_FORMAT,
          convae: version,
          model: {
            name: program.model.name,
            summary: program.model.summary,
            error: program.model.pixelLoss,
            variational,
          },
          dataset: { name: plan.data.name, train: plan.data.train, test: plan.data.test },
          image: imageOf(program),
          latent,
          classes: plan.data.classes ?? classNumbers(program),
          conditional: program.model.conditional,
          files: { 'encoder.onnx': await fileDigest(encoder), 'decoder.onnx': await fileDigest(decoder) },
          opset: OPSET,
          metrics: { epoch: position.epoch, step: position.step, train: metrics.train, test: metrics.test },
          parity,
          training: { recipe: plan.recipe, seed: plan.size.seed, epochs: position.epoch, engine: null },
          ...(step && { trainStep: { ...step.section, ...(await fileDigest(join(folder, step.section.file))) } }),
        });
      },
      { signal, derived: DERIVED },
    );
    return { out, card: card as unknown as Card, seconds: (performance.now() - began) / 1000 };
  } finally {
    await Promise.all([splits.train.close(), splits.test.close()]);
  }
}

const imageOf = ({ size: { height, width, channels } }: TrainingProgram): Card['image'] => ({
  height,
  width,
  channels,
});

/** Runs the converted models on the data: parity with tfjs, and the card's entries about latents. */
async function measure(
  models: OnnxModels,
  program: TrainingProgram,
  { train, test }: DatasetSplits,
  { size, data }: RunPlan,
  signal: AbortSignal | undefined,
): Promise<Pick<Card, 'latent' | 'parity'> & { variational: boolean }> {
  const { conditional, pixelLoss } = program.model;
  const card = { image: imageOf(program), conditional, latent: { size: size.latent }, model: { error: pixelLoss } };
  const options = { graphs: ['encoder', 'decoder'], images: test.length, device: 'cpu' } as const;
  return withSessions({ ...models, card }, options, async (sessions) => {
    const parity = await measureParity(program, sessions, test);
    const largest = Math.max(parity.latent, parity.image);
    if (!(largest <= PARITY_TOLERANCE)) {
      throw new Error(
        `tfjs and ONNX Runtime differ by ${largest} on ${parity.images} images, more than ${PARITY_TOLERANCE}; nothing was exported`,
      );
    }
    const { latents } = await sessions.encodeAll(test, { signal });
    const statistics = { over: 'test' as const, images: test.length, ...spreadOf(latents, size.latent) };
    const training = { images: data.train.images, classes: size.classes, seed: size.seed, signal };
    const mixture = await latentMixture(sessions, size.latent, train, training);
    return {
      parity: { ...parity, tolerance: PARITY_TOLERANCE },
      variational: sessions.variational,
      latent: { size: size.latent, statistics, ...(mixture && { mixture }) },
    };
  });
}

/** Class names of a conditional model whose data has only numbers. */
function classNumbers({ model, size }: TrainingProgram): string[] | null {
  const { encoder, decoder } = model.conditional;
  return encoder || decoder ? Array.from({ length: size.classes }, (_, i) => String(i)) : null;
}

/** @throws InputError when the test images are not those of the run (not checked for a run on some of the images) */
async function assertSameData({ name, test }: DatasetSplits, { plan }: RunState, run: string): Promise<void> {
  const { images, fingerprint } = plan.data.test;
  if (test.length === images ? (await test.fingerprint()) === fingerprint : test.length > images) return;
  throw new InputError(
    `${name}: its test images are not those that ${run} was trained with; give the run's data with --data`,
  );
}
