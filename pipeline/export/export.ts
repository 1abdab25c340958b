import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { OPSET } from 'tfjs-to-onnx';
import { models } from '../../models/index.ts';
import type { ModelDefinition, ModelSize } from '../../models/kit/model.ts';
import { spreadOf } from '../analyse/moments.ts';
import { CARD_FORMAT, type Card, TRAIN_STEP_FILE } from '../artifacts/card.ts';
import { copyTraining, writeCard } from '../artifacts/exported.ts';
import type { RunPlan, RunPosition, RunState } from '../artifacts/run.ts';
import type { Which } from '../artifacts/run-folder.ts';
import { closeSplits, type DatasetSplits, heldOut } from '../data/dataset.ts';
import { absoluteSpec } from '../data/formats.ts';
import { openTrainingSplits } from '../data/open.ts';
import { type DataOptions, optionsLike } from '../data/options.ts';
import { checkOutside } from '../data/outside.ts';
import { withSessions } from '../inference/sessions.ts';
import { sha256 } from '../io/digest.ts';
import { InputError } from '../io/errors.ts';
import { version } from '../io/installation.ts';
import { quoted } from '../io/printable.ts';
import { publishFolder } from '../io/publish.ts';
import { checkTarget, type EarlierOutput } from '../io/target.ts';
import { beginsWith } from '../train/images.ts';
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
  /** Which of the run's checkpoints; by default the best where there is one, else the latest. */
  readonly which?: Which | undefined;
  /** The run's data, where they have moved since training. */
  readonly data?: string | undefined;
  /** How to read the data, except for what the run decides. */
  readonly dataOptions?: DataOptions | undefined;
  /** Whether to run a model file that the run names, wherever it is. */
  readonly trust?: boolean | undefined;
  /** Adds a training step for batches of that size. */
  readonly trainStep?: { readonly batchSize: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExportResult {
  readonly out: string;
  readonly card: Card;
  readonly seconds: number;
}

/** An exported model, and what commands put next to it, which a new export makes out of date. */
const EARLIER: EarlierOutput = {
  names: /^(card\.json|(en|de)coder\.onnx)$/,
  file: 'card.json',
  derived: {
    training: 'metrics.jsonl',
    report: 'report.json',
    pictures: 'reconstructions.png',
    viewer: 'manifest.json',
    [TRAIN_STEP_FILE]: '',
  },
};

/**
 * Exports a run's checkpoint: `encoder.onnx`, `decoder.onnx` and `card.json`, checked against tfjs on real images, and
 * `train-step.onnx` if asked for.
 * @throws InputError when the run has no finished epoch, is damaged, or its data cannot be found; Error when the ONNX
 * models do not compute what tfjs does (nothing is published then)
 */
export async function exportRun(options: ExportOptions): Promise<ExportResult> {
  const { run, out, which, data, trainStep, signal } = options;
  const began = performance.now();
  await checkTarget('folder', out, EARLIER);
  tf.enableProdMode();
  await tf.setBackend('cpu');
  const { state, program } = await loadRun(run, which, models, options.trust);
  const { plan, position } = state;
  const metrics = metricsOf(position);
  if (!metrics) {
    throw new InputError(
      `${run}: no epoch of this run is finished; resume it with \`convae train ${quoted(plan.model)} --run ${quoted(run)} --resume\``,
    );
  }
  const { classes, ...trained } = plan.data;
  const dataset = { ...trained, name: absoluteSpec(data ?? trained.name) };
  const { preprocessing, label, onlyClass, valSplit } = dataset;
  const image = imageOf(program.size);
  await checkOutside(data ?? plan.data.name, out);
  const splits = await openTrainingSplits(plan.data.name, data, {
    ...optionsLike({ image, preprocessing, classes, label }, options.dataOptions),
    onlyClass,
    valSplit,
  });
  try {
    await assertSameData(splits, state, program.model, run);
    const { name, summary, pixelLoss, conditional } = program.model;
    if (trainStep && program.autoencoder.clusters) {
      throw new InputError(
        `--with-train-step: a page cannot train ${name}, whose step needs targets made of all images; leave it out`,
      );
    }
    const traced = traceModel(program.model, program.autoencoder, program.size);
    const { parity, variational, latent, clusters } = await measure(traced, program, splits, plan, signal);
    const step = trainStep && traceTrainStep(program, plan.recipe.optimizer, traced, trainStep.batchSize);
    let card: Card | undefined;
    await publishFolder(
      out,
      async (folder) => {
        const write = async (name: string, bytes: Uint8Array) => {
          await writeFile(join(folder, name), bytes);
          return { sha256: sha256(bytes), bytes: bytes.length };
        };
        const files = {
          'encoder.onnx': await write('encoder.onnx', traced.encoder),
          'decoder.onnx': await write('decoder.onnx', traced.decoder),
        };
        await copyTraining(run, folder);
        card = await writeCard(folder, {
          format: CARD_FORMAT,
          convae: version,
          model: { name, summary, error: pixelLoss, variational },
          dataset,
          image,
          ...(preprocessing && { preprocessing }),
          latent,
          classes: classes ?? classNumbers(program),
          conditional,
          ...(clusters && { clusters }),
          files,
          opset: OPSET,
          metrics,
          parity,
          training: { recipe: plan.recipe, seed: plan.size.seed, epochs: position.epoch, engine: null },
          ...(step && { trainStep: { ...step.section, ...(await write(step.section.file, step.bytes)) } }),
        });
      },
      { signal, earlier: EARLIER },
    );
    return { out, card: card as unknown as Card, seconds: (performance.now() - began) / 1000 };
  } finally {
    await closeSplits(splits);
  }
}

/** The losses at the end of a checkpoint's last complete epoch; undefined where there is none. */
export function metricsOf({ metrics, epoch, step, batches }: RunPosition): Card['metrics'] | undefined {
  return metrics ? { epoch, step, ...(batches > 0 && { measuredAtStep: step - batches }), ...metrics } : undefined;
}

const imageOf = ({ height, width, channels }: ModelSize): Card['image'] => ({ height, width, channels });

/** Runs the converted models on the data: parity with tfjs, and the card's entries about latents. */
async function measure(
  models: OnnxModels,
  program: TrainingProgram,
  splits: DatasetSplits,
  plan: RunPlan,
  signal: AbortSignal | undefined,
): Promise<Pick<Card, 'latent' | 'parity' | 'clusters'> & { variational: boolean }> {
  const { conditional, pixelLoss } = program.model;
  const { clusters: count } = program.autoencoder;
  const size = plan.size.latent;
  const held = heldOut(splits);
  const card = {
    image: imageOf(program.size),
    conditional,
    latent: { size },
    model: { error: pixelLoss },
    clusters: count === undefined ? undefined : { count },
  };
  const options = { graphs: ['encoder', 'decoder'], images: held.length, device: 'cpu' } as const;
  return withSessions({ ...models, card }, options, async (sessions) => {
    const { cluster, ...parity } = await measureParity(program, sessions, held);
    const { latents } = await sessions.encodeAll(held, { signal });
    const statistics = {
      over: splits.test ? ('test' as const) : ('val' as const),
      images: held.length,
      ...spreadOf(latents, size),
    };
    const mixture = await latentMixture(sessions, splits.train, plan, signal);
    const latent = { size, statistics, ...(mixture && { mixture }) };
    const clusters = count === undefined ? undefined : { count, method: 'dcec' as const, parity: cluster };
    return { parity, variational: sessions.variational, latent, ...(clusters && { clusters }) };
  });
}

/** Class names of a conditional model whose data has only numbers. */
function classNumbers({ model, size }: TrainingProgram): string[] | null {
  const { encoder, decoder } = model.conditional;
  return encoder || decoder ? Array.from({ length: size.classes }, (_, i) => String(i)) : null;
}

/**
 * @throws InputError when the images, or the labels where the model takes them, are not those of the run, which may have had only
 * the first of them
 */
async function assertSameData(
  splits: DatasetSplits,
  { plan }: RunState,
  { conditional }: Pick<ModelDefinition, 'conditional'>,
  run: string,
): Promise<void> {
  const labelled = conditional.encoder || conditional.decoder;
  const held = splits.test ? 'test' : 'val';
  for (const [split, kind] of [
    [held, splits.test ? 'test' : 'validation'],
    ['train', 'training'],
  ] as const) {
    const [part, before] = [splits[split], plan.data[split]];
    if (part && before && (await beginsWith(part, before, labelled))) continue;
    throw new InputError(
      `${splits.name}: its ${kind} images${labelled ? ' and their labels' : ''} are not those that ${run} was trained with; give the run's data with --data`,
    );
  }
}
