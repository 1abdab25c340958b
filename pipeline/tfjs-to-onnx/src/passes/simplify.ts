import type { OpType, Window } from '../infer.ts';
import { type Argument, broadcast, type Constant, type Node, type Ref, sameShape } from '../ir.ts';

/** What simplification asks of a graph builder. */
interface Builder {
  Concat(parts: readonly Ref[], attrs: { readonly axis: number }): Ref;
  Conv(x: Ref, w: Ref, bias: Ref | undefined, attrs: Window): Ref;
  Clip(x: Ref, low: Ref, high: Ref): Ref;
  Slice(x: Ref, starts: Ref, ends: Ref, axes: Ref): Ref;
  HardSwish(x: Ref): Ref;
  HardSigmoid(x: Ref, attrs: { readonly alpha: number; readonly beta: number }): Ref;
  float(value: number): Ref;
  ints(values: readonly number[]): Ref;
}

/** What an operator with these arguments gives without a node of its own, if there is such a value. */
export function simplified(g: Builder, op: OpType, args: readonly Argument[]): Ref | readonly Ref[] | undefined {
  return rules[op]?.(g, ...(args as Ref[]));
}

type Simplification = (g: Builder, ...args: Ref[]) => Ref | readonly Ref[] | undefined;

/** An operator that gives its first operand, or either one, where the other is this number. */
const neutral =
  (value: number, either: boolean): Simplification =>
  (_, a, b) => {
    if (!a || !b) return undefined;
    const leaves = (kept: Ref, other: Ref) =>
      onlyNumber(other) === value && sameShape(kept.shape, broadcast(kept.shape, other.shape));
    if (leaves(a, b)) return a;
    return either && leaves(b, a) ? b : undefined;
  };

const rules: { readonly [Op in OpType]?: Simplification } = {
  Sub: neutral(0, false),
  Min: (g, a, b) => upTo(g, a, b) ?? upTo(g, b, a),
  Mul: (g, a, b) => neutral(1, true)(g, a, b) ?? productOf(g, a, b),
  Div: (g, a, b) => neutral(1, false)(g, a, b) ?? productOf(g, a, 1 / (onlyNumber(b) ?? Number.NaN)),
  Identity: (_, x) => x,
  Relu: (_, x) => (x?.producer?.op === 'Relu' ? x : undefined),
  Clip,
  Concat,
  Conv: (g, ...args) => withPads(g, ...args) ?? withSeenPads(g, ...args),
  Expand: (_, x, shape) => (x && shape && sameShape(numbersOf(shape), x.shape) ? x : undefined),
  Pad: (_, x, pads) => (pads && numbersOf(pads).every((n) => n === 0) ? x : undefined),
  Reshape: (_, x, shape) => (x && shape && sameShape(numbersOf(shape), x.shape) ? x : undefined),
  Slice: (_, x, starts, ends, axes, steps) => {
    if (!x || !starts || !ends || !axes || (steps && !numbersOf(steps).every((step) => step === 1))) return undefined;
    const [from, to] = [numbersOf(starts), numbersOf(ends)];
    const whole = numbersOf(axes).every((axis, i) => from[i] === 0 && (to[i] ?? 0) >= (x.shape[axis] ?? 0));
    return whole ? x : undefined;
  },
  Split,
  Tile: (_, x, repeats) => (repeats && numbersOf(repeats).every((n) => n === 1) ? x : undefined),
};

/** A single part, or the parts of parts that are joined along the same axis. */
function Concat(g: Builder, given?: Ref, attrs?: object): Ref | undefined {
  const [parts, { axis }] = [[given].flat() as readonly Ref[], attrs as { readonly axis: number }];
  if (parts.length === 1) return parts[0];
  const inner = parts.map(({ producer }) =>
    producer?.op === 'Concat' && producer.attrs.axis === axis ? producer : undefined,
  );
  if (inner.every((producer) => !producer)) return undefined;
  return g.Concat(
    parts.flatMap((part, i) => inner[i]?.inputs ?? [part]),
    { axis },
  );
}

/** One part, or what was joined before. */
function Split(_: Builder, x?: Ref, sizes?: Ref, attrs?: object): readonly Ref[] | undefined {
  if (!x || !sizes) return undefined;
  const [lengths, { axis }, { producer }] = [numbersOf(sizes), attrs as { readonly axis: number }, x];
  if (lengths.length === 1) return [x];
  const joined = producer?.op === 'Concat' && producer.attrs.axis === axis ? producer.inputs : [];
  return sameShape(
    joined.map(({ shape }) => shape[axis] ?? 0),
    lengths,
  )
    ? joined
    : undefined;
}

/** A convolution that pads with zeros itself. */
function withPads(g: Builder, x?: Ref, w?: Ref, bias?: Ref, given?: object): Ref | undefined {
  const [source, amounts, value] = x?.producer?.op === 'Pad' ? x.producer.inputs : [];
  if (!source || !amounts || !w || (value && onlyNumber(value) !== 0)) return undefined;
  const [by, attrs, rank] = [numbersOf(amounts), given as Window, source.shape.length];
  const outside = [0, 1, rank, rank + 1].some((i) => by[i] !== 0);
  if (outside || by.some((n) => !(n >= 0))) return undefined;
  const spatial = [...by.slice(2, rank), ...by.slice(rank + 2)];
  return g.Conv(source, w, bias, { ...attrs, pads: spatial.map((n, i) => n + (attrs.pads?.[i] ?? 0)) });
}

/**
 * ONNX Runtime's WebGPU ignores pads that are at the ends alone where a kernel is as large as the image, or one pixel: there
 * another row is computed at the beginning, and cut off.
 */
function withSeenPads(g: Builder, x?: Ref, w?: Ref, bias?: Ref, given?: object): Ref | undefined {
  const attrs = given as Window;
  const { kernel_shape: kernel = [], strides = [1, 1], pads, group = 1 } = attrs;
  if (!x || !w || pads?.length !== 4 || group !== 1) return undefined;
  const [top, left, bottom, right] = pads;
  const ignored = top === 0 && left === 0 && (bottom !== 0 || right !== 0);
  const isPixel = [...kernel, ...strides].every((d) => d === 1);
  if (!ignored || !(isPixel || sameShape(kernel, x.shape.slice(2)))) return undefined;
  const y = g.Conv(x, w, bias, { ...attrs, pads: [strides[0] as number, 0, bottom as number, right as number] });
  return g.Slice(y, g.ints([1]), g.ints([y.shape[2] as number]), g.ints([2]));
}

/** Bounds of bounds, with relu as a lower bound of 0. */
function Clip(g: Builder, x?: Ref, low?: Ref, high?: Ref): Ref | undefined {
  const inner = x?.producer;
  const [min, max] = [onlyNumber(low), onlyNumber(high)];
  if (!inner || min === undefined || max === undefined || min > max || x.type !== 'float') return undefined;
  const [source, ...bounds] = inner.inputs;
  if (!source) return undefined;
  const line = min === 0 && max === 1 ? lineOf(inner) : undefined;
  if (line) return g.HardSigmoid(line.x, { alpha: line.slope, beta: line.offset });
  if (inner.op === 'Relu' && max >= 0) return g.Clip(source, g.float(Math.max(min, 0)), g.float(max));
  const [lower, upper] = bounds.map(onlyNumber);
  if (inner.op !== 'Clip' || lower === undefined || upper === undefined) return undefined;
  if (lower > upper || min > upper || max < lower) return undefined;
  return g.Clip(source, g.float(Math.max(min, lower)), g.float(Math.min(max, upper)));
}

/** One of the factors of a product: a value, or a number. */
type Factor = Ref | number;

/** A value as a factor, and as two where it is a product or a quotient by a number. */
function waysToSplit(ref: Ref): Factor[][] {
  const { op, inputs: [a, b] = [] } = ref.producer ?? {};
  const [whole, divisor] = [[onlyNumber(ref) ?? ref], op === 'Div' ? onlyNumber(b) : undefined];
  if (op === 'Mul' && a && b) return [whole, [onlyNumber(a) ?? a, onlyNumber(b) ?? b]];
  return a && divisor ? [whole, [a, 1 / divisor]] : [whole];
}

/** A product as one node, however its factors are grouped. */
function productOf(g: Builder, a: Ref | undefined, b: Ref | number | undefined): Ref | undefined {
  if (!a || b === undefined) return undefined;
  const others = typeof b === 'number' ? [[b]] : waysToSplit(b);
  const ways = waysToSplit(a).flatMap((some) => others.map((more) => [...some, ...more]));
  for (const factors of ways) {
    const node = hardSwish(g, factors);
    if (node) return node;
  }
  return undefined;
}

/** x · relu6(x + 3) / 6, in whatever order it is written. */
function hardSwish(g: Builder, factors: readonly Factor[]): Ref | undefined {
  const [sixth] = factors.filter((factor) => typeof factor === 'number');
  const refs = factors.filter((factor) => typeof factor !== 'number');
  if (factors.length !== 3 || refs.length !== 2 || !sixth || Math.abs(sixth * 6 - 1) > 1e-6) return undefined;
  const isGate = (gate: Ref, x: Ref): boolean => {
    const [sum, low, high] = gate.producer?.op === 'Clip' ? gate.producer.inputs : [];
    const terms = sum?.producer?.op === 'Add' ? numberAndOther(sum.producer.inputs) : [];
    return onlyNumber(low) === 0 && onlyNumber(high) === 6 && terms[0] === 3 && terms[1]?.name === x.name;
  };
  const x = refs.find((one, i) => one.type === 'float' && isGate(refs[1 - i] as Ref, one));
  return x && g.HardSwish(x);
}

/** A relu up to a number. */
function upTo(g: Builder, x: Ref | undefined, largest: Ref | undefined): Ref | undefined {
  const source = x?.producer?.op === 'Relu' && x.type === 'float' ? x.producer.inputs[0] : undefined;
  const max = onlyNumber(largest);
  const fits = largest && x && sameShape(x.shape, broadcast(x.shape, largest.shape));
  return source && fits && max !== undefined && max >= 0 ? g.Clip(source, g.float(0), g.float(max)) : undefined;
}

/** The parts of `offset + slope · x`. */
function lineOf({ op, inputs }: Node): { x: Ref; slope: number; offset: number } | undefined {
  if (op !== 'Add') return undefined;
  const [offset, product] = numberAndOther(inputs);
  if (offset === undefined || product?.producer?.op !== 'Mul') return undefined;
  const [slope, x] = numberAndOther(product.producer.inputs);
  return slope === undefined || !x ? undefined : { x, slope, offset };
}

/** The number that one of two operands is, and the operand that is none. */
function numberAndOther([a, b]: readonly Ref[]): [number | undefined, Ref | undefined] {
  const number = onlyNumber(a);
  return number === undefined ? [onlyNumber(b), a] : [number, b];
}

const numbersOf = ({ constant }: Ref): number[] =>
  constant ? Array.from(constant as ArrayLike<number>, Number) : [Number.NaN];

/** The number of a constant that has one and is no weight. */
const onlyNumber = (ref: Ref | undefined): number | undefined =>
  !ref?.weight && ref?.constant?.length === 1 ? Number((ref.constant as Constant)[0]) : undefined;
