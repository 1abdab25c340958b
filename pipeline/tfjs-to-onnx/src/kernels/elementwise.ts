import { backend_util } from '@tensorflow/tfjs-core';
import { dataType, type Form, nchw, plain, splat, Value } from '../forms.ts';
import { type GraphBuilder, type OpType, type Ref, sameShape } from '../graph.ts';
import { product } from '../infer.ts';

/**
 * Combines tensors elementwise in a form that they already have, so that no layout is changed for it. Splats and
 * single numbers take part as scalars, one number per channel as the form provides for.
 */
export function elementwise(g: GraphBuilder, values: readonly Value[], combine: (refs: Ref[]) => Ref): Value {
  const shape = values.reduce<number[]>((s, v) => backend_util.assertAndGetBroadcastShape(s, [...v.shape]), []);
  const whole = values.filter((value) => !isScalar(value) && sameShape(value.shape, shape));
  const partial = values.filter((value) => !isScalar(value) && !sameShape(value.shape, shape));
  if (whole.length === 0 && partial.length === 0)
    return result(splat, combine(values.map((value) => scalar(value, g))));

  const form = partial.length === 0 || values.length === 2 ? preferredForm(whole) : plain;
  const vector = partial[0];
  if (form !== plain && vector && form.withChannels && isPerChannel(vector, shape)) {
    const other = values.find((value) => value !== vector) as Value;
    const inOrder = (ref: Ref, v: Ref) => combine(values[0] === vector ? [v, ref] : [ref, v]);
    const numbers = g.reshape(vector.as(plain, g), [shape.at(-1) ?? 1]);
    return result(form, form.withChannels(other.as(form, g), numbers, inOrder, g));
  }
  const common = partial.length === 0 ? form : plain;
  const coversShape = sameShape(
    shape,
    [...whole, ...partial].reduce<number[]>((s, v) => backend_util.assertAndGetBroadcastShape(s, [...v.shape]), []),
  );
  // With a scalar, ONNX Runtime walks the last axis: many times slower where that has length 1.
  const stubby = common === plain && partial.length === 0 && values.some(isScalar) && shape.at(-1) === 1;
  const layout = (ref: Ref) => (stubby ? g.reshape(ref, withoutLastOnes(shape)) : ref);
  const refs = values.map((value) => (isScalar(value) && coversShape ? scalar(value, g) : layout(value.as(common, g))));
  const combined = combine(refs);
  return result(common, stubby ? g.reshape(combined, shape) : combined);

  function result(in_: Form, ref: Ref): Value {
    return new Value(shape, dataType(ref.type), in_, ref);
  }
}

/** A unary ONNX operator as a rule's body. */
export const map = (g: GraphBuilder, op: OpType, x: Value, attrs = {}): Value =>
  elementwise(g, [x], (refs) => g.op(op, refs, attrs));

const isScalar = (value: Value): boolean => value.forms.has(splat) || product(value.shape) === 1;

const scalar = (value: Value, g: GraphBuilder): Ref =>
  value.forms.get(splat) ?? g.reshape([...value.forms.values()][0] ?? value.as(plain, g), []);

const withoutLastOnes = (shape: readonly number[]): number[] => shape.slice(0, shape.findLastIndex((d) => d !== 1) + 1);

const isPerChannel = ({ shape }: Value, whole: readonly number[]): boolean =>
  whole.length === 4 && shape.at(-1) === whole.at(-1) && product(shape) === shape.at(-1);

/** The form that most of the values have; among equals another than plain, which convolutions would not take. */
function preferredForm(values: readonly Value[]): Form {
  const count = (form: Form) => values.filter(({ forms }) => forms.has(form)).length;
  const candidates = new Set(values.flatMap(({ forms }) => [...forms.keys()]));
  let best: Form = plain;
  for (const form of candidates) {
    if (form === plain) continue;
    if (
      count(form) > count(best) ||
      (best === plain && count(form) === count(plain)) ||
      (best === nchw && count(form) === count(nchw))
    )
      best = form;
  }
  return best;
}
