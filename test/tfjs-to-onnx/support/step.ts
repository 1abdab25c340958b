import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type ort from 'onnxruntime-node';
import { type Graph, lowerTape, NEXT, type Target, trace } from '../../../pipeline/tfjs-to-onnx/src/index.ts';
import { layoutOf, packGraph, unpackGraph } from '../../../pipeline/tfjs-to-onnx/src/state.ts';
import { feed, type HostTensor, hostTensors, openSession, runOnce } from './ort.ts';

type Inputs = Readonly<Record<string, Tensor>>;
type Program = (inputs: Inputs) => Readonly<Record<string, Tensor>>;

/** A program that assigns variables, traced for inputs like `sample` and run by ONNX Runtime again and again. */
export interface TracedStep {
  readonly graph: Graph;
  run(inputs: Inputs): Promise<Record<string, HostTensor>>;
  /** The present values of the variables. */
  variables(): Promise<Record<string, HostTensor>>;
  dispose(): Promise<void>;
}

/** Starts from the variables' present values, and leaves the variables unchanged. */
export async function traceStep(
  program: Program,
  { sample, variables, target }: { sample: Inputs; variables: Readonly<Record<string, Variable>>; target: Target },
): Promise<TracedStep> {
  const inputs = Object.fromEntries(Object.entries(sample).map(([name, { shape, dtype }]) => [name, { shape, dtype }]));
  const tape = trace(program, { inputs, variables, strict: true });
  const layout = layoutOf(tape, target);
  const graph = lowerTape(tape, target, { layout });
  const session = await openSession(graph);

  const packed = await (await openSession(packGraph(layout))).run(feeds(variables));
  let state = Object.fromEntries(layout.map(({ name }) => [name, packed[`${name}:packed`] as ort.Tensor]));
  return {
    graph,
    async run(given) {
      const used = Object.entries({ ...state, ...feeds(given) }).filter(([name]) => session.inputNames.includes(name));
      const outputs = await session.run(Object.fromEntries(used));
      const next = Object.keys(state).map((name) => [name, (outputs[name + NEXT] ?? state[name]) as ort.Tensor]);
      state = Object.fromEntries(next);
      return Object.fromEntries(Object.entries(hostTensors(outputs)).filter(([name]) => !name.endsWith(NEXT)));
    },
    variables: () =>
      runOnce(
        unpackGraph(layout),
        Object.fromEntries(Object.entries(state).map(([name, value]) => [`${name}:packed`, value])),
      ),
    dispose: () => session.release(),
  };
}

const feeds = (tensors: Inputs): Record<string, ort.Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, feed(tensor)]));

/** A training step: the loss, and every variable moved by the optimizer. */
export function trainingStep(
  loss: (inputs: Inputs) => tf.Scalar,
  optimizer: tf.Optimizer,
  weights: readonly Variable[],
): Program {
  return (inputs) =>
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(() => loss(inputs), [...weights]);
      optimizer.applyGradients(grads);
      return { loss: value };
    });
}

/** Creates an optimizer with all its variables, which tfjs creates on the first step. */
export function withState<O extends tf.Optimizer>(make: () => O, weights: readonly Variable[]): [O, Variable[]] {
  const registered = () => Object.values(tf.engine().registeredVariables);
  const before = new Set(registered());
  const optimizer = make();
  const own = registered().filter((variable) => !before.has(variable));
  const initial = own.map((variable) => tf.clone(variable));
  tf.tidy(() => {
    optimizer.applyGradients(Object.fromEntries(weights.map((weight) => [weight.name, tf.zerosLike(weight)])));
  });
  own.forEach((variable, i) => {
    variable.assign(initial[i] as Tensor);
  });
  tf.dispose(initial);
  return [optimizer, registered().filter((variable) => !before.has(variable))];
}
