import type { GraphBuilder, Outputs } from '../builder.ts';
import { inferTypes } from '../element-types.ts';
import { dataType, elementType, plain, plainValue, Value } from '../forms.ts';
import { type OpType, operators } from '../infer.ts';
import type { Attributes, ElementType, Ref } from '../ir.ts';
import { type Argument, onAxes } from './axes.ts';

type Ints = readonly number[];
type Lazy<Argument> = Argument extends readonly Ref[]
  ? readonly Value[]
  : Argument extends Ref
    ? Value | Ints
    : Argument;
type LazyArguments<Args extends readonly unknown[]> = { [I in keyof Args]: Lazy<Args[I]> };
type Method<Row extends (...args: never) => unknown> = (
  ...args: LazyArguments<Parameters<Row>>
) => Outputs<ReturnType<Row>, Value>;

/**
 * The ONNX operators as functions of values in tfjs's own format, or channels first where they work on axes; lists of
 * numbers become int64 constants. Shape and dtype are inferred when one is called, its node is added when a graph asks for the value.
 */
export const onnx = Object.fromEntries(
  (Object.keys(operators) as OpType[]).map((op) => [op, lazily(op)]),
) as unknown as { readonly [Op in OpType]: Method<(typeof operators)[Op]> };

function lazily(op: OpType) {
  return (...args: Argument[]) => {
    const types = inferTypes(op, args.map(typed), { dtypes: true });
    const { form, args: inForm } = onAxes(op, args);
    const add = (g: GraphBuilder): Ref[] => {
      const refs = inForm.map((arg, i) =>
        resolved(
          arg,
          (value) => value.as(i === 0 ? form : plain, g),
          (list) => g.ints(list),
        ),
      );
      return [(g[op] as (...args: unknown[]) => Ref | Ref[]).apply(g, refs)].flat();
    };
    const values = [types]
      .flat()
      .map(({ shape, type }, i) => new Value(shape, dataType(type), form, (g) => add(g)[i] as Ref));
    return Array.isArray(types) ? values : values[0];
  };
}

/** A value as another element type that tfjs has no dtype for, or from one. */
export const retyped = (x: Value, type: ElementType): Value =>
  plainValue(x.shape, dataType(type), (g) => g.cast(x.as(plain, g), type));

const typed = (arg: Argument) =>
  resolved(
    arg,
    ({ shape, dtype }): Ref => ({ name: 'input', shape, type: elementType(dtype) }),
    (list): Ref => ({ name: 'list', shape: [list.length], type: 'int64', constant: BigInt64Array.from(list, BigInt) }),
  );

/** An argument with its values and lists replaced. */
function resolved(arg: Argument, ofValue: (value: Value) => Ref, ofInts: (list: Ints) => Ref) {
  if (arg instanceof Value) return ofValue(arg);
  if (!Array.isArray(arg)) return arg as Attributes | undefined;
  return arg.every((one) => typeof one === 'number') ? ofInts(arg) : (arg as Value[]).map(ofValue);
}
