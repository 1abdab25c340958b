import { product } from '../ir.ts';
import { inputsOf, type Tape, type TapeOp, type TapeValue } from '../tape.ts';
import { withInputs } from './rewrite.ts';

/**
 * Folds a bias and a relu into the convolution that they follow, as tfjs itself does outside gradients. Relu's gradient
 * needs only sign(x), and sign(relu(x)) is the same, so it may read the fused output.
 */
export function fuse(tape: Tape): Tape {
  return { ...tape, ops: fuseCalls(tape.ops, [...Object.values(tape.outputs), ...tape.updates]) };
}

/** The same for calls of which these results are used. */
export function fuseCalls(calls: readonly TapeOp[], results: readonly TapeValue[]): TapeOp[] {
  const users = new Map<TapeValue, TapeOp[]>();
  for (const op of calls) for (const input of inputsOf(op)) users.set(input, [...(users.get(input) ?? []), op]);
  const kept = new Set(results);
  const usersOf = (value: TapeValue) => (kept.has(value) ? undefined : users.get(value));

  const replaced = new Map<TapeOp, TapeOp | undefined>();
  const renamed = new Map<TapeValue, TapeValue>();
  for (const op of calls) {
    if (!CONVOLUTIONS.has(op.kernel) || op.attrs.dataFormat === 'NCHW') continue;
    if ((op.attrs.activation ?? 'linear') !== 'linear') continue;
    let [fused, last] = [op, op];
    const adds = usersOf(outputOf(op)) ?? [];
    const [add] = adds;
    const isFree = add && adds.length === 1 && !replaced.has(add) && !('bias' in op.inputs);
    const bias = isFree ? biasOf(add, outputOf(op)) : undefined;
    if (add && bias) {
      fused = { ...op, inputs: { ...op.inputs, bias } as TapeOp['inputs'], outputs: [outputOf(add)] };
      last = add;
      replaced.set(op, undefined);
    }
    const after = usersOf(outputOf(last)) ?? [];
    const relu = after.find(({ kernel }) => kernel === 'Relu');
    if (relu && after.every(({ kernel, attrs }) => kernel === 'Relu' || (kernel === 'Step' && attrs.alpha === 0))) {
      fused = { ...fused, attrs: { ...fused.attrs, activation: 'relu' }, outputs: [outputOf(relu)] };
      renamed.set(outputOf(last), outputOf(relu));
      replaced.set(relu, undefined);
    }
    if (fused !== op) replaced.set(last, fused.kernel === 'Conv2D' ? { ...fused, kernel: 'FusedConv2D' } : fused);
  }

  return calls.flatMap((op) => {
    const now = replaced.has(op) ? replaced.get(op) : op;
    if (!now) return [];
    return [
      withInputs(
        now,
        inputsOf(now).map((value) => renamed.get(value) ?? value),
      ),
    ];
  });
}

const CONVOLUTIONS: ReadonlySet<string> = new Set(['Conv2D', 'FusedConv2D', 'Conv2DBackpropInput']);

function outputOf({ outputs, kernel }: TapeOp): TapeValue {
  const [output] = outputs;
  if (!output) throw new Error(`${kernel} has no output`);
  return output;
}

/** The other operand of an addition to `x`, where it is one number per channel. */
function biasOf(op: TapeOp, x: TapeValue): TapeValue | undefined {
  if (op.kernel !== 'Add') return undefined;
  const [a, b] = inputsOf(op);
  const other = a === x ? b : a;
  return other && product(other.shape) === x.shape.at(-1) && other.shape.at(-1) === x.shape.at(-1) ? other : undefined;
}
