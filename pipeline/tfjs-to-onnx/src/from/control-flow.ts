import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { recordLoop } from '../backend.ts';
import { type Call, type GraphFunction, knownNumber } from './node-call.ts';

/** A node of control flow, whose name is told where it cannot be part of a graph. */
const named = (execute: (call: Call) => Promise<Tensor[]>) => async (call: Call) => {
  try {
    return await execute(call);
  } catch (error) {
    if (!(error instanceof Error) || error.message.startsWith('node ')) throw error;
    throw new Error(`node ${call.node.name} (${call.node.op}): ${error.message}`, { cause: error });
  }
};

/** `If`: where the condition depends on the model's inputs, both branches are computed and one is taken. */
export const branch = named(async (call) => {
  const [condition, ...args] = call.inputs as [Tensor, ...Tensor[]];
  const [then, otherwise] = [functionOf(call, 'thenBranch'), functionOf(call, 'elseBranch')];
  const known = knownNumber(condition);
  if (known !== undefined) return run(call, known ? then : otherwise, args);
  const [yes, no] = [evaluated(then, args), evaluated(otherwise, args)];
  const holds = isTrue(condition);
  return yes.map((a, i) => {
    const b = no[i];
    if (b && tf.util.arraysEqual(a.shape, b.shape) && a.dtype === b.dtype) return tf.where(holds, a, b);
    const types = [a, b].map((one) => `${one?.dtype}[${one?.shape}]`);
    throw new Error(`a branch that depends on values has to give the same shape both ways, not ${types.join(' or ')}`);
  });
});

/** `While`: unrolled as long as the condition is known, and a loop of the graph from where it is not. */
export const loop = named(async (call) => {
  const [cond, body] = [functionOf(call, 'cond'), functionOf(call, 'body')];
  let states = call.inputs;
  for (;;) {
    const [condition] = (await run(call, cond, states)) as [Tensor];
    const known = knownNumber(condition);
    if (known === undefined) {
      return recordLoop(call.node.name, [isTrue(condition), ...states], (before) => {
        const after = evaluated(body, before);
        return [isTrue(evaluated(cond, after)[0] as Tensor), ...after];
      });
    }
    if (!known) return states;
    states = await run(call, body, states);
  }
});

function functionOf({ node, context }: Call, attribute: string): GraphFunction {
  const name = String(node.attrParams[attribute]?.value);
  const found = context.functionMap[name];
  if (!found) throw new Error(`the model has no function ${name}`);
  return found;
}

const run = ({ context }: Call, called: GraphFunction, args: Tensor[]): Promise<Tensor[]> =>
  called.executeFunctionAsync(args, context.tensorArrayMap, context.tensorListMap);

/** The outputs of a function, computed without waiting: what else the model does is not part of it. */
function evaluated(called: GraphFunction, args: readonly Tensor[]): Tensor[] {
  const given = Object.fromEntries(called.inputs.map(({ name }, i) => [name, args[i] as Tensor]));
  return called.execute(given, called.outputNodes);
}

/** A condition, a scalar of any type, as a bool. */
const isTrue = (condition: Tensor): Tensor => tf.reshape(tf.cast(condition, 'bool'), []);
