import { product, sameShape } from '../ir.ts';
import { inputsOf, LAYER_NORM, type Tape, type TapeOp, type TapeValue } from '../tape.ts';
import { ones } from './rewrite.ts';

type MakerOf = (value: TapeValue | undefined) => TapeOp | undefined;

/**
 * Writes normalizations over the last axis by its own mean and variance, as tfjs's layer normalization computes them,
 * as ONNX's `LayerNormalization`, where scale and offset are constants.
 */
export function layerNorms(tape: Tape): Tape {
  const makers = new Map(tape.ops.flatMap((op) => op.outputs.map((output) => [output, op] as const)));
  const makerOf: MakerOf = (value) => value && makers.get(value);
  return { ...tape, ops: tape.ops.map((op) => layerNorm(op, makerOf) ?? op) };
}

function layerNorm(op: TapeOp, makerOf: MakerOf): TapeOp | undefined {
  if (op.kernel !== 'FusedBatchNorm') return undefined;
  const { x, mean, variance, scale, offset } = op.inputs as Readonly<Record<string, TapeValue>>;
  const means = mean && makerOf(unspread(mean, makerOf));
  const squares = variance && makerOf(unspread(variance, makerOf));
  if (!x || !means || !squares || !isMeanOfRows(means) || !isMeanOfRows(squares)) return undefined;
  const [source] = inputsOf(means);
  const difference = squared(makerOf(inputsOf(squares)[0]), makerOf);
  const [minuend, subtrahend] = difference ?? [];
  if (!source || !minuend || !subtrahend || makerOf(unspread(subtrahend, makerOf)) !== means) return undefined;
  const rows = unspread(source, makerOf);
  if (unspread(minuend, makerOf) !== rows || unspread(x, makerOf) !== rows) return undefined;
  if (!isByRow(mean, x) || !isByRow(variance, x) || !isByRow(subtrahend, minuend)) return undefined;

  const channels = x.shape.at(-1) ?? 1;
  const vectors = [scale, offset].map((value) => value && vectorOf(value, channels, makerOf));
  if ((scale && !vectors[0]) || (offset && !vectors[1])) return undefined;
  const inputs = { x, scale: vectors[0] ?? ones(channels), ...(vectors[1] && { offset: vectors[1] }) };
  return { ...op, kernel: LAYER_NORM, inputs, attrs: { epsilon: op.attrs.varianceEpsilon } };
}

/** The value before reshapes that keep the rows, casts to its type, and before rows are filled with one number each. */
function unspread(value: TapeValue, makerOf: MakerOf): TapeValue {
  const maker = makerOf(value);
  const [source] = maker ? inputsOf(maker) : [];
  if (!maker || !source) return value;
  const { shape } = value;
  const keepsRows = source.shape.at(-1) === shape.at(-1) || product(shape.slice(0, -1)) === product(source.shape);
  if (maker.kernel === 'Cast' && source.dtype === value.dtype) return unspread(source, makerOf);
  if (maker.kernel === 'Reshape' && keepsRows) return unspread(source, makerOf);
  const rows = source.shape.at(-1) === 1 && sameShape(source.shape.slice(0, -1), shape.slice(0, -1));
  return maker.kernel === 'Tile' && rows ? unspread(source, makerOf) : value;
}

/** Whether a value has a number for each row of x. Of as many rows as columns, those of rows may stand at the columns. */
const isByRow = (value: TapeValue, x: TapeValue): boolean => sameShape(rowsOf(value), rowsOf(x));
const rowsOf = ({ shape }: TapeValue): number[] => shape.slice(0, -1).filter((d) => d !== 1);

function isMeanOfRows(op: TapeOp): boolean {
  const [x] = inputsOf(op);
  const axes = [op.attrs.axis].flat();
  return op.kernel === 'Mean' && axes.length === 1 && (axes[0] === -1 || axes[0] === (x?.shape.length ?? 0) - 1);
}

/** The terms of a difference that is squared. */
function squared(op: TapeOp | undefined, makerOf: MakerOf): TapeValue[] | undefined {
  if (op?.kernel === 'SquaredDifference') return inputsOf(op);
  const difference = op?.kernel === 'Square' ? makerOf(inputsOf(op)[0]) : undefined;
  return difference?.kernel === 'Sub' ? inputsOf(difference) : undefined;
}

/** A vector of constants, one for each place on the last axis, that fills a tensor. */
function vectorOf(value: TapeValue, channels: number, makerOf: MakerOf): TapeValue | undefined {
  if (value.source.kind === 'constant')
    return value.shape.length === 1 && value.shape[0] === channels ? value : undefined;
  const maker = makerOf(value);
  const [source] = maker ? inputsOf(maker) : [];
  if (!source || value.shape.at(-1) !== channels || source.shape.at(-1) !== channels) return undefined;
  return maker?.kernel === 'Reshape' || maker?.kernel === 'Tile' ? vectorOf(source, channels, makerOf) : undefined;
}
