import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { branch, loop } from './control-flow.ts';
import { type Call, knownNumber } from './node-call.ts';

/** A node of a GraphModel as tfjs-converter holds it. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** The group of operations that executes it; undefined for an operation that tfjs does not have. */
  category: string | undefined;
}

interface Executor {
  readonly graph: { readonly nodes: Readonly<Record<string, GraphNode>> };
  readonly functionExecutorMap?: Readonly<Record<string, Executor>>;
}

/** The nodes of a GraphModel, those of its functions included. */
export function nodesOf(model: object): GraphNode[] {
  const { executor } = model as { readonly executor: Executor };
  const all = [executor, ...Object.values(executor.functionExecutorMap ?? {})];
  return all.flatMap(({ graph }) => Object.values(graph.nodes));
}

/** Whether a model has to be executed asynchronously. */
export const isAsynchronous = (nodes: readonly GraphNode[]): boolean =>
  nodes.some(({ category }) => ASYNCHRONOUS.has(category ?? ''));

const ASYNCHRONOUS: ReadonlySet<string> = new Set(['control', 'dynamic', 'hash_table']);

const kernel = (name: string, inputs: Readonly<Record<string, Tensor>>): Tensor =>
  tf.engine().runKernel(name, { ...inputs }) as unknown as Tensor;

const sizes = (x: Tensor): Tensor => kernel('TensorShape', { x });

/** Boxes, scores and the numbers of a suppression. */
function suppression({ inputs }: Call) {
  const [boxes, scores, ...numbers] = inputs as [Tensor2D, Tensor1D, ...Tensor[]];
  const [most = 0, overlap = 0.5, least = Number.NEGATIVE_INFINITY, sigma = 0] = numbers.map((x) => x.dataSync()[0]);
  return [boxes, scores, most, overlap, least, sigma] as const;
}

const suppressed = (call: Call): Tensor[] => {
  const [boxes, scores, most, overlap, least] = suppression(call);
  return [tf.image.nonMaxSuppression(boxes, scores, most, overlap, least)];
};

/** Operations that tfjs computes from values where a graph can compute them from tensors. */
const OWN: Readonly<Record<string, (call: Call) => Tensor[] | Promise<Tensor[]>>> = {
  If: branch,
  StatelessIf: branch,
  While: loop,
  StatelessWhile: loop,
  NonMaxSuppressionV2: suppressed,
  NonMaxSuppressionV3: suppressed,
  NonMaxSuppressionV4: (call) => {
    const [boxes, scores, most, overlap, least] = suppression(call);
    const padded = Boolean(call.attrs.pad_to_max_output_size);
    const result = tf.image.nonMaxSuppressionPadded(boxes, scores, most, overlap, least, padded);
    return [result.selectedIndices as Tensor, result.validOutputs as Tensor];
  },
  NonMaxSuppressionV5: (call) => {
    const { selectedIndices, selectedScores } = tf.image.nonMaxSuppressionWithScore(...suppression(call));
    return [selectedIndices as Tensor, selectedScores as Tensor];
  },
  Range: ({ inputs: [start, stop, step] }) => {
    const given = { start, stop, step } as { start: Tensor; stop: Tensor; step: Tensor };
    const [from, to, by] = Object.values(given).map(knownNumber);
    if (from === undefined || to === undefined || by === undefined) return [kernel('NumbersTo', given)];
    return [tf.range(from, to, by, given.start.dtype as 'float32' | 'int32')];
  },
  Shape: ({ inputs: [x] }) => [sizes(x as Tensor)],
  Size: ({ inputs: [x] }) => [tf.prod(sizes(x as Tensor))],
  Where: ({ inputs: [condition] }) => [kernel('Where', { condition: tf.cast(condition as Tensor, 'bool') })],
};

/**
 * Runs `work` while a model's nodes of these operations are executed by ours. An operation that the user registered
 * under the same name stays the user's.
 */
export async function withOwnOperations<T>(
  nodes: readonly GraphNode[],
  work: () => Promise<T>,
  among = (_op: string) => true,
): Promise<T> {
  const converter = await import('@tensorflow/tfjs-converter');
  const users = new Set(nodes.filter(({ category }) => category === 'custom').map(({ op }) => op));
  const own = Object.entries(OWN).filter(([op]) => !users.has(op) && among(op));
  const replaced = nodes
    .filter(({ op }) => own.some(([name]) => name === op))
    .map((node) => ({ node, category: node.category }));
  for (const [op, execute] of own) converter.registerOp(op, (call) => execute(call as unknown as Call));
  for (const { node } of replaced) node.category = 'custom';
  try {
    return await work();
  } finally {
    for (const { node, category } of replaced) node.category = category;
    for (const [op] of own) converter.deregisterOp(op);
  }
}

/** The same for those that suppress boxes alone. */
export const withOwnSuppression = <T>(nodes: readonly GraphNode[], work: () => Promise<T>): Promise<T> =>
  withOwnOperations(nodes, work, (op) => op.startsWith('NonMaxSuppression'));
