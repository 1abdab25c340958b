import type { Tensor, TypedArray } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { ModelProgram, Outputs } from './from/program.ts';
import { type KernelCall, withWatchedKernels } from './kernel-watch.ts';

/**
 * Some kernels decide between numbers: they order, compare or truncate them. Where numbers are equal but for rounding,
 * tfjs and ONNX Runtime may decide differently, and neither is wrong. To compare the rest of a model, both decide by the
 * same numbers.
 */

const DECIDING = /^(TopK|ArgM(ax|in)|NonMaxSuppressionV\d|(Not)?Equal|(Greater|Less)(Equal)?|Floor|Ceil|Round|Sign)$/;

/** The names of the inputs that a call decides by. */
function decidedBy({ kernel, inputs, attrs }: KernelCall): string[] {
  if (!DECIDING.test(kernel) && !(kernel === 'Cast' && attrs.dtype !== 'float32')) return [];
  return Object.keys(inputs).filter((name) => inputs[name]?.dtype === 'float32');
}

/** What the names of those outputs begin with. */
const DECISION = 'decided by ';

/** A program that also gives the numbers that it decides by, as far as they depend on its inputs; to be traced. */
export function withDecisions<Result extends Outputs | Promise<Outputs>>(
  program: ModelProgram<Result>,
): ModelProgram<Result> {
  return {
    ...program,
    run(given) {
      const found: [string, Tensor][] = [];
      let decisions = 0;
      const around = (call: KernelCall) => {
        for (const name of decidedBy(call)) {
          const x = call.inputs[name] as Tensor;
          if (!isKnown(x)) found.push([`${DECISION}${decisions}`, tf.keep(tf.clone(x))]);
          decisions += 1;
        }
        return call.make(call.inputs);
      };
      const all = (outputs: Outputs): Outputs => ({ ...outputs, ...Object.fromEntries(found) });
      const result = withWatchedKernels(around, () => program.run(given));
      return (tf.util.isPromise(result) ? (result as Promise<Outputs>).then(all) : all(result as Outputs)) as Result;
    },
  };
}

function isKnown(traced: Tensor): boolean {
  try {
    traced.dataSync();
    return true;
  } catch {
    return false;
  }
}

/** What a program gives when it decides by other numbers than its own. */
interface Decided {
  readonly outputs: Outputs;
  /** The kernels that were given the numbers. */
  readonly kernels: readonly string[];
}

/**
 * Runs a program whose deciding kernels are given the numbers of another run instead of its own.
 * @param numbers the outputs of the program with decisions
 * @param agree whether they are the program's own, within what is tolerated
 * @returns undefined where they are not
 */
export async function decideBy<Values extends { readonly data: unknown }>(
  program: ModelProgram,
  given: Readonly<Record<string, Tensor>>,
  numbers: Readonly<Record<string, Values | undefined>>,
  agree: (values: Values, own: Tensor) => boolean,
): Promise<Decided | undefined> {
  const left = new Set(Object.keys(numbers).filter((name) => name.startsWith(DECISION)));
  if (left.size === 0) return undefined;
  const kernels = new Set<string>();
  let [decisions, isSame] = [0, true];
  const around = (call: KernelCall) => {
    const names = decidedBy(call);
    const inputs = names.length > 0 ? { ...call.inputs } : call.inputs;
    for (const name of names) {
      const output = `${DECISION}${decisions}`;
      const [values, own] = [numbers[output], inputs[name] as Tensor];
      decisions += 1;
      if (!values) continue;
      left.delete(output);
      isSame &&= agree(values, own);
      if (!isSame) continue;
      inputs[name] = tf.tensor(values.data as TypedArray, own.shape, own.dtype);
      kernels.add(call.kernel);
    }
    return call.make(inputs);
  };
  const outputs = await withWatchedKernels(around, async () => program.run(given));
  if (isSame && left.size === 0) return { outputs, kernels: [...kernels] };
  tf.dispose(Object.values(outputs));
  return undefined;
}
