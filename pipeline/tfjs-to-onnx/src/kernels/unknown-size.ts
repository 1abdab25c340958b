import type * as tf from '@tensorflow/tfjs-core';
import type { Value } from '../forms.ts';
import { product } from '../ir.ts';
import { onnx, retyped } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { filled, reshape } from './shape.ts';

/** The number of rows that a trace assumes for a result whose size depends on values. */
export interface Rows {
  readonly rows?: number;
}
type Selection = tf.NonMaxSuppressionV3Inputs;
type SelectionAttrs = tf.NonMaxSuppressionV3Attrs & Rows;

const assumed = ({ rows }: Rows): number => {
  if (rows !== undefined) return rows;
  throw new Error('the size of its output depends on values; do this outside the program');
};

/** The largest float32 that is at most `value`: float32 numbers are above both or above neither. */
function atMost(value: number): number {
  const near = Math.fround(value);
  return near <= value ? near : below(near);
}

/** The next smaller float32. */
function below(value: number): number {
  if (value === 0) return -(2 ** -149);
  const bits = new Int32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0] ?? 0) + (value > 0 ? -1 : 1);
  return new Float32Array(bits.buffer)[0] ?? value;
}

/**
 * The places of the boxes that are kept, int64 `[rows, 3]` with the place in the last column. ONNX drops boxes that
 * overlap by more than the threshold, tfjs those that overlap by as much: with 0, all after the first.
 */
function selected({ boxes, scores }: { boxes: Value; scores: Value }, attrs: SelectionAttrs, rows: number): Value {
  const { maxOutputSize, iouThreshold, scoreThreshold } = attrs;
  const [count = 0] = scores.shape;
  const most = iouThreshold > 0 ? maxOutputSize : Math.min(maxOutputSize, 1);
  const overlap = iouThreshold > 0 ? Math.max(0, below(Math.fround(iouThreshold))) : 1;
  const least = Math.max(atMost(scoreThreshold), -3.4028234663852886e38);
  return onnx.NonMaxSuppression(
    reshape(boxes, [1, count, 4]),
    reshape(scores, [1, 1, count]),
    [most],
    filled([1], overlap, 'float32'),
    filled([1], least, 'float32'),
    { _rows: rows },
  );
}

/** The last column of a selection as int32. */
const column = (selection: Value, rows: number): Value =>
  retyped(reshape(onnx.Slice(selection, [2], [3], [1]), [rows]), 'int32');

/** Kernels whose results have as many rows as their values decide. */
export const selections = {
  NonMaxSuppressionV3: rule<Selection, SelectionAttrs>((inputs, attrs) => {
    const rows = assumed(attrs);
    return column(selected(inputs, attrs, rows), rows);
  }),
  // Padded with zeros, the size is known. The second result is the number of boxes before the zeros.
  NonMaxSuppressionV4: rule<Selection, tf.NonMaxSuppressionV4Attrs & Rows>((inputs, attrs) => {
    const { maxOutputSize: size, padToMaxOutputSize } = attrs;
    const rows = padToMaxOutputSize ? size : assumed(attrs);
    const selection = selected(inputs, attrs, rows);
    const found = reshape(retyped(onnx.Shape(selection, { start: 0, end: 1 }), 'int32'), []);
    if (!padToMaxOutputSize) return [column(selection, rows), found];
    const padded = onnx.Concat([onnx.Slice(selection, [2], [3], [1]), zeros(size)], { axis: 0 });
    return [retyped(reshape(onnx.Slice(padded, [0], [size], [0]), [size]), 'int32'), found];
  }),
  NonMaxSuppressionV5: rule<Selection, tf.NonMaxSuppressionV5Attrs & Rows>((inputs, attrs) => {
    if (attrs.softNmsSigma > 0) {
      throw new Error(`softNmsSigma ${attrs.softNmsSigma}: ONNX has no soft suppression; use 0, or do this outside`);
    }
    const rows = assumed(attrs);
    const places = column(selected(inputs, attrs, rows), rows);
    return [places, onnx.Gather(inputs.scores, places, { axis: 0 })];
  }),
} satisfies Family;

/** int64 `[size, 1]`. */
const zeros = (size: number): Value => retyped(filled([size, 1], 0, 'int32'), 'int64');

/** What GraphModels compute and tfjs has no kernel for. */
export const graphOperations = {
  /** The size of each axis, int32 `[rank]`. */
  TensorShape: rule<tf.UnaryInputs>(({ x }) => retyped(onnx.Shape(x, { start: 0, end: x.shape.length }), 'int32')),
  /** Numbers from `start` to before `stop`, which are scalars of one dtype: `[rows]`. */
  NumbersTo: rule<{ start: tf.TensorInfo; stop: tf.TensorInfo; step: tf.TensorInfo }, Rows>(
    ({ start, stop, step }, attrs) => onnx.Range(start, stop, step, { _rows: assumed(attrs) }),
  ),
  /** The places where a condition holds, int32 `[rows, rank]`. */
  Where: rule<{ condition: tf.TensorInfo }, Rows>(({ condition }, attrs) => {
    if (condition.shape.length === 0) throw new Error('the condition is a scalar; a tensor with axes was expected');
    return retyped(onnx.Transpose(onnx.NonZero(condition, { _rows: assumed(attrs) }), { perm: [1, 0] }), 'int32');
  }),
};

/** What is assumed where nothing limits a size. */
const MANY = 250;

type Sized = { readonly shape: readonly number[] };

/** The largest number of rows that a call can give, where its values decide it. */
export const mostRows: Readonly<
  Record<
    string,
    (inputs: Readonly<Record<string, Sized>>, attrs: Readonly<Record<string, unknown>>) => number | undefined
  >
> = {
  NonMaxSuppressionV3: ofBoxes,
  NonMaxSuppressionV4: (inputs, attrs) => (attrs.padToMaxOutputSize ? undefined : ofBoxes(inputs, attrs)),
  NonMaxSuppressionV5: ofBoxes,
  NumbersTo: () => MANY,
  Where: ({ condition }) => product(condition?.shape ?? []),
};

function ofBoxes({ scores }: Readonly<Record<string, Sized>>, { maxOutputSize }: Readonly<Record<string, unknown>>) {
  return Math.min(scores?.shape[0] ?? 0, Number(maxOutputSize));
}
