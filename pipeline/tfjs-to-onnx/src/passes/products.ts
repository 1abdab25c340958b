import { product } from '../ir.ts';
import type { Tape, TapeOp, TapeValue } from '../tape.ts';

/**
 * Products of two stacks of one matrix each, which tfjs's layers make of products of matrices, as products of matrices
 * between reshapes: these meet others and cancel.
 */
export function unstackProducts(tape: Tape): Tape {
  return { ...tape, ops: tape.ops.flatMap(unstacked) };
}

function unstacked(op: TapeOp): TapeOp[] {
  const { a, b, ...others } = op.inputs as Readonly<Record<string, TapeValue>>;
  const [output] = op.outputs;
  const isProduct = op.kernel === 'BatchMatMul' || op.kernel === '_FusedMatMul';
  if (!isProduct || !a || !b || !output || output.shape.length < 3 || others.preluActivationWeights) return [op];
  const { bias } = others;
  if (product(output.shape.slice(0, -2)) !== 1 || (bias && bias.shape.length !== 1)) return [op];
  const matrix = ({ shape, dtype }: TapeValue): TapeValue => ({
    shape: shape.slice(-2),
    dtype,
    source: { kind: 'op' },
  });
  const reshape = (x: TapeValue, to: TapeValue): TapeOp => {
    return { kernel: 'Reshape', inputs: { x }, attrs: { shape: to.shape }, outputs: [to], scope: op.scope };
  };
  const [x, y, result] = [matrix(a), matrix(b), matrix(output)];
  const inner = { ...op, inputs: { ...others, a: x, b: y }, outputs: [result] };
  return [reshape(a, x), reshape(b, y), inner, reshape(result, output)];
}
