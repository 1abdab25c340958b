import { lowerTape } from '../lower.ts';
import { serialize } from '../serialize.ts';
import type { Tape, TapeOp, TapeValue } from '../tape.ts';
import { cpu } from '../targets/cpu/index.ts';
import { portable, type Target } from '../targets/target.ts';
import { hostTensor, Session } from './ort.ts';

let fastest: Target | undefined;

/**
 * The fastest target that this machine's ONNX Runtime computes correctly: its blocked kernels in the size of the
 * machine's vector registers, or standard operators. Found by running one small convolution each way.
 */
export function fastestTarget(): Target {
  fastest ??= [cpu(16), cpu(8)].find(isRight) ?? portable;
  return fastest;
}

function isRight(target: Target): boolean {
  try {
    const expected = convolved(portable);
    return convolved(target).every((value, i) => Math.abs(value - (expected[i] ?? Number.NaN)) < 1e-4);
  } catch {
    return false; // this build of ONNX Runtime has no blocked kernels
  }
}

/** A small convolution. */
function convolved(target: Target): Float32Array {
  const input = (name: string, shape: number[]): TapeValue<'input'> => {
    return { shape, dtype: 'float32', source: { kind: 'input', name, storage: undefined } };
  };
  const [x, filter] = [input('x', [1, 6, 6, 16]), input('w', [3, 3, 16, 16])];
  const y: TapeValue = { shape: [1, 6, 6, 16], dtype: 'float32', source: { kind: 'op' } };
  const attrs = { strides: 1, pad: 'same', dataFormat: 'NHWC', dilations: 1 };
  const op: TapeOp = { kernel: 'Conv2D', inputs: { x, filter }, attrs, outputs: [y], scope: '' };
  const tape: Tape = { ops: [op], inputs: [x, filter], variables: [], updates: [], outputs: { y } };
  const session = new Session(serialize(lowerTape(tape, target)), 1);
  const values = ({ shape }: TapeValue) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i));
  const result = new Float32Array(6 * 6 * 16);
  const feeds = Object.fromEntries(
    [x, filter].map((one) => [one.source.name, hostTensor(values(one), one.shape, 'float32')]),
  );
  session.run(feeds, { y: hostTensor(result, y.shape, 'float32') });
  session.dispose();
  return result;
}
