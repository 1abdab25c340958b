import { sameShape } from '../ir.ts';
import { inputsOf, LAYER_NORM, mapEach, type Tape, type TapeOp, type TapeValue } from '../tape.ts';
import { replaced } from './fold.ts';
import { usersIn } from './users.ts';

/** Kernels that do the same to each element of one tensor. */
const UNARY: ReadonlySet<string> = new Set(
  (
    'Abs Cast Ceil ClipByValue Elu Erf Exp Floor LeakyRelu Log Neg Reciprocal Relu Relu6 Rsqrt Selu Sigmoid Softplus ' +
    'Sqrt Square Tanh'
  ).split(' '),
);

/** Kernels that combine each element with a number, or with one for each place on the last axis. */
const BINARY: ReadonlySet<string> = new Set('Add Maximum Minimum Multiply RealDiv Sub'.split(' '));

/**
 * Moves reshapes behind calls on single elements, so that these follow the product or convolution before them, with
 * which they are fused, and so that reshapes meet.
 */
export function sinkReshapes(tape: Tape): Tape {
  const usersOf = usersIn(tape);
  const reshapes = new Map<TapeValue, TapeOp>();
  const ops = new Set<TapeOp>();
  for (const op of tape.ops) {
    const [output] = op.outputs;
    const x = inputsOf(op).find((input) => reshapes.has(input));
    const before = x && reshapes.get(x);
    const source = x && sourceOf(op, x);
    if (output && before && source && source !== x) {
      const result: TapeValue = { shape: source.shape, dtype: output.dtype, source: { kind: 'op' } };
      const after = { ...before, inputs: mapEach(before.inputs, () => result), outputs: [output] };
      ops.delete(before);
      ops.add({ ...op, inputs: mapEach(op.inputs, (input) => (input === x ? source : input)), outputs: [result] });
      ops.add(after);
      reshapes.set(output, after);
    } else {
      ops.add(op);
      if (output && op.kernel === 'Reshape') reshapes.set(output, op);
    }
  }
  return { ...tape, ops: [...ops] };

  /** What a call may read instead of x: the tensor before reshapes for it alone. */
  function sourceOf(op: TapeOp, x: TapeValue): TapeValue {
    let source = x;
    for (;;) {
      const reshape = reshapes.get(source);
      const next = reshape && inputsOf(reshape)[0];
      if (!next || usersOf(source).length !== 1 || !commutes(op, x, next)) return source;
      source = next;
    }
  }
}

/** Whether a call does the same to a tensor as it is, and as it was before a reshape. */
function commutes({ kernel, inputs, outputs: [output] }: TapeOp, x: TapeValue, source: TapeValue): boolean {
  const others = Object.values(inputs).filter((input: TapeValue) => input !== x);
  if (UNARY.has(kernel)) return others.length === 0;
  if (kernel === LAYER_NORM) return source.shape.at(-1) === x.shape.at(-1);
  const [other] = others;
  if (!BINARY.has(kernel) || !other || !output || !sameShape(output.shape, x.shape)) return false;
  return other.shape.length === 0 || (other.shape.length === 1 && source.shape.at(-1) === x.shape.at(-1));
}

/** Takes out reshapes that lead back to a shape that the tensor had before. */
export function joinReshapes(tape: Tape): Tape {
  /** The tensors with the same numbers in the same order, by each of them. */
  const shapes = new Map<TapeValue, TapeValue[]>();
  const again = new Map<TapeValue, TapeValue>();
  for (const op of tape.ops) {
    const [[x], [output]] = [inputsOf(op), op.outputs];
    if (op.kernel !== 'Reshape' || !x || !output) continue;
    const known = shapes.get(x) ?? [x];
    const before = known.find(({ shape }) => sameShape(shape, output.shape));
    if (before) again.set(output, before);
    else known.push(output);
    shapes.set(x, known).set(output, known);
  }
  return replaced(tape, again);
}
