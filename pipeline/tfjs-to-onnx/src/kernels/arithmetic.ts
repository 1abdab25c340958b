import { elementType, plain, plainValue, type Value } from '../forms.ts';
import type { GraphBuilder, Ref } from '../graph.ts';
import { elementwise } from './elementwise.ts';
import { numbers } from './shape.ts';

/** a / b rounded down, int32. ONNX divides integers towards zero. */
export const floorDiv = (g: GraphBuilder, a: Value, b: Value): Value =>
  elementwise(g, [a, b], ([x, y]) => floorQuotient(g, x as Ref, y as Ref));

function floorQuotient(g: GraphBuilder, x: Ref, y: Ref): Ref {
  if (x.type === 'float') return g.cast(g.op('Floor', [g.op('Div', [x, y])]), 'int32');
  const quotient = g.op('Div', [x, y]);
  const rest = g.op('Sub', [x, g.op('Mul', [quotient, y])]);
  const zero = g.constant(Int32Array.of(0), []);
  const opposite = g.op('Less', [g.op('Mul', [rest, y]), zero]);
  return g.op('Sub', [quotient, g.cast(opposite, 'int32')]);
}

/** The rest of a division rounded down: it has the divisor's sign. */
export const mod = (g: GraphBuilder, a: Value, b: Value): Value =>
  elementwise(g, [a, b], ([x, y]) => {
    const [dividend, divisor] = [x as Ref, y as Ref];
    const quotient =
      dividend.type === 'float'
        ? g.op('Floor', [g.op('Div', [dividend, divisor])])
        : floorQuotient(g, dividend, divisor);
    return g.op('Sub', [dividend, g.op('Mul', [quotient, divisor])]);
  });

/** The angle of (x, y): an arc tangent, half a turn further where x < 0. */
export const atan2 = (g: GraphBuilder, y: Value, x: Value): Value =>
  elementwise(g, [y, x], ([up, right]) => {
    const zero = g.float(0);
    const side = g.op('Where', [g.op('Less', [up, zero]), g.float(-Math.PI), g.float(Math.PI)]);
    const turn = g.op('Where', [g.op('Less', [right, zero]), side, zero]);
    const slope = g.op('Atan', [g.op('Div', [up, right])]);
    // 0 / 0 is no slope; tfjs says 0 there.
    const angle = g.op('Where', [g.op('Equal', [up, zero]), zero, slope]);
    return g.op('Add', [angle, turn]);
  });

/** 1 where x > 0, else alpha. (`Where` and `Sign` are several times slower.) */
export const step = (g: GraphBuilder, x: Value, alpha: number): Value =>
  elementwise(g, [x], ([ref]) => {
    const positive = g.cast(g.op('Greater', [ref, numbers(g, [0], [], x.dtype)]), elementType(x.dtype));
    if (alpha === 0) return positive;
    const [slope, rest] = [numbers(g, [alpha], [], x.dtype), numbers(g, [1 - alpha], [], x.dtype)];
    return g.op('Add', [g.op('Mul', [positive, rest]), slope]);
  });

/** `t` where the condition holds, else `e`; a condition of rank 1 decides on rows. */
export function select(g: GraphBuilder, condition: Value, t: Value, e: Value): Value {
  const byRow = condition.shape.length === 1 && t.shape.length > 1;
  const shape = t.shape.map((d, axis) => (axis === 0 ? d : 1));
  const where = byRow ? plainValue(g.reshape(condition.as(plain, g), shape)) : condition;
  return elementwise(g, [where, t, e], (refs) => g.op('Where', refs));
}
