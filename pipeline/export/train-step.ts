import { lowerTape, NEXT, portable, separateLayout, serialize, type Tape, traceProgram } from 'tfjs-to-onnx';
import type { OptimizerRecipe } from '../../models/model.ts';
import { TRAIN_STEP_FILE, type TrainStepSection } from '../artifacts/train-step.ts';
import { buildProgram, type NamedVariable, type TrainingProgram } from '../train/program.ts';
import type { OnnxModels } from './trace-model.ts';
import { placeWeights } from './weight-places.ts';

/** The bytes of `train-step.onnx`, and what the card says of it besides their digest. */
export interface TrainStep {
  readonly bytes: Uint8Array;
  readonly section: Omit<TrainStepSection, 'sha256' | 'bytes'>;
}

/**
 * Traces one training step (losses, gradients, optimizer) of `batchSize` images into standard operators. Weights and
 * optimizer state go in and come out under the names that checkpoints know them by, in tfjs's shapes. Weights begin as
 * the model's files have them, optimizer state as in a training that begins.
 * @param models the same program's encoder and decoder
 * @throws Error when the step cannot be traced, or the files do not have a weight as it is
 */
export function traceTrainStep(
  program: TrainingProgram,
  optimizer: OptimizerRecipe,
  models: OnnxModels,
  batchSize: number,
): TrainStep {
  const tape = withoutUnused(traceProgram(program.programs.step, batchSize, program));
  const graph = lowerTape(tape, portable, { name: 'train-step', layout: separateLayout(tape) });
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const state = (initial: (variable: NamedVariable) => 'weights' | number) => (named: NamedVariable) => {
    const { name, variable } = named;
    const next = `${name}${NEXT}`;
    if (!outputs.has(next)) throw new Error(`the training step does not change ${name}`);
    return { name, next, shape: variable.shape, initial: initial(named) };
  };
  const begun = buildProgram(program.model, program.size, optimizer);
  return {
    bytes: serialize(graph),
    section: {
      file: TRAIN_STEP_FILE,
      batchSize,
      inputs: inputsOf(tape),
      state: [...program.weights.map(state(() => 'weights')), ...begun.optimizerState.map(state(onlyNumber))],
      weights: placeWeights(program.weights, models),
      losses: Object.keys(tape.outputs),
    },
  };
}

/** The tape without inputs that change nothing: the weight of a KL divergence that a model does not have. */
function withoutUnused(tape: Tape): Tape {
  const used = new Set(tape.ops.flatMap(({ inputs }) => Object.values(inputs)));
  return { ...tape, inputs: tape.inputs.filter((input) => used.has(input)) };
}

function inputsOf({ inputs }: Tape): TrainStepSection['inputs'] {
  const shapes = inputs.flatMap(({ source, shape }) => (source.kind === 'input' ? [[source.name, [...shape]]] : []));
  return Object.fromEntries(shapes) as TrainStepSection['inputs'];
}

/** The number that a variable is full of. */
function onlyNumber({ name, variable }: NamedVariable): number {
  const values = variable.dataSync();
  const [first] = values;
  if (first === undefined || values.some((value) => value !== first)) {
    throw new Error(`${name} does not begin with one number`);
  }
  return first;
}
