import { findWeights, lowerTape, NEXT, portable, serialize, type Tape, traceProgram } from 'tfjs-to-onnx';
import type { OptimizerRecipe } from '../../models/kit/model.ts';
import { TRAIN_STEP_FILE, type TrainStepSection } from '../artifacts/card.ts';
import { buildProgram, type NamedVariable, type TrainingProgram } from '../train/program.ts';
import type { TracedModels } from './trace-model.ts';

/** The bytes of `train-step.onnx`, and its section of the card without their digest. */
export interface TrainStep {
  readonly bytes: Uint8Array;
  readonly section: Omit<TrainStepSection, 'sha256' | 'bytes'>;
}

/**
 * Traces one training step (losses, gradients, optimizer) of `batchSize` images into standard operators. Weights and
 * optimizer state go in and come out under their names in checkpoints, in tfjs's shapes. Weights start as in the model's
 * files, optimizer state as in a new training.
 * @param models the same program's encoder and decoder
 * @throws Error when the step cannot be traced, or a weight is in neither file or stored otherwise than transposed
 */
export function traceTrainStep(
  program: TrainingProgram,
  optimizer: OptimizerRecipe,
  models: TracedModels,
  batchSize: number,
): TrainStep {
  const weights = placesOf(program.weights, models);
  const tape = withoutUnused(traceProgram(program.programs.step, batchSize, program));
  const graph = lowerTape(tape, portable, { name: 'train-step' });
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const fresh = buildProgram(program.model, program.size, optimizer);
  const state = [
    ...program.weights.map((weight) => ({ ...weight, initial: 'weights' as const })),
    ...fresh.optimizerState.map((slot) => ({ ...slot, initial: onlyNumber(slot) })),
  ].map(({ name, variable: { shape }, initial }) => {
    const next = `${name}${NEXT}`;
    if (!outputs.has(next)) throw new Error(`the training step does not change ${name}`);
    return { name, next, shape, initial };
  });
  const losses = Object.keys(tape.outputs);
  const section = { file: TRAIN_STEP_FILE, batchSize, inputs: inputsOf(tape), state, weights, losses } as const;
  return { bytes: serialize(graph), section };
}

/** Every occurrence of the weights in the model's files. */
function placesOf(weights: readonly NamedVariable[], models: TracedModels): TrainStepSection['weights'] {
  const shapes = new Map(weights.map(({ name, variable }) => [name, variable.shape]));
  const places = (['encoder', 'decoder'] as const).flatMap((part) => {
    const file = `${part}.onnx` as const;
    const found = findWeights(models.graphs[part], models[part]).filter(({ name }) => shapes.has(name));
    return found.map(({ name, shape, permutation, ...range }) => {
      const expected = shapes.get(name);
      if (`${shape}` !== `${expected}`) {
        throw new Error(`weight ${name} is [${shape}] in ${file}, and [${expected}] in the training step`);
      }
      return { variable: name, shape: [...shape], permutation: [...permutation], ...range, file };
    });
  });
  const missing = weights.find(({ name }) => !places.some(({ variable }) => variable === name));
  if (missing) throw new Error(`weight ${missing.name} is in neither encoder.onnx nor decoder.onnx`);
  return places;
}

/** The tape without unused inputs: the weight of a KL divergence that a model does not have. */
function withoutUnused(tape: Tape): Tape {
  const used = new Set(tape.ops.flatMap(({ inputs }) => Object.values(inputs)));
  return { ...tape, inputs: tape.inputs.filter((input) => used.has(input)) };
}

function inputsOf({ inputs }: Tape): TrainStepSection['inputs'] {
  const shapes = inputs.map(({ source, shape }) => [source.name, [...shape]]);
  return Object.fromEntries(shapes) as TrainStepSection['inputs'];
}

/** The value of all elements of a variable. */
function onlyNumber({ name, variable }: NamedVariable): number {
  const values = variable.dataSync();
  const [first] = values;
  if (first === undefined || values.some((value) => value !== first)) {
    throw new Error(`${name} does not start with one value everywhere`);
  }
  return first;
}
