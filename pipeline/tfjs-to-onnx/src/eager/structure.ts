import type { Call, EagerValue } from './value.ts';

/** A variable's value before and after the pending calls. */
export interface VariableUpdate {
  readonly before: EagerValue;
  readonly after: EagerValue;
}

/** Pending calls and what they need: equal keys stand for equal graphs on other numbers. */
export interface Structure {
  readonly key: string;
  /** In the order in which the program made them. */
  readonly calls: readonly Call[];
  /** The values that the calls start from, each once; equal scalars of the program count as one. */
  readonly leaves: readonly EagerValue[];
  /** Which leaf a value is. */
  readonly leafOf: ReadonlyMap<EagerValue, number>;
  /** What has to be computed, new values of variables aside. */
  readonly outputs: readonly EagerValue[];
  /** The variables that the calls read and change. */
  readonly updates: readonly VariableUpdate[];
}

/**
 * What has to run for some pending values.
 * @param changes the pending values of variables with those before
 */
export function structureOf(pending: readonly EagerValue[], changes: readonly VariableUpdate[]): Structure {
  const calls = callsFor(pending);
  const positions = new Map(calls.map((call, position) => [call, position]));
  const leaves: EagerValue[] = [];
  const leafOf = new Map<EagerValue, number>();
  const scalars = new Map<string, number>();
  const leafFor = (value: EagerValue): number => {
    const known = leafOf.get(value);
    if (known !== undefined) return known;
    const scalar = value.given && value.values.length === 1 ? scalarKey(value) : undefined;
    const same = scalar === undefined ? undefined : scalars.get(scalar);
    const leaf = same ?? leaves.push(value) - 1;
    if (scalar !== undefined) scalars.set(scalar, leaf);
    leafOf.set(value, leaf);
    return leaf;
  };
  const nameOf = (value: EagerValue): string => {
    const { call } = value;
    if (!call) return `i${leafFor(value)}`;
    const position = positions.get(call);
    return call.outputs.length === 1 ? `${position}` : `${position}.${call.outputs.indexOf(value)}`;
  };
  let parts = '';
  for (const { kind, inputs } of calls) {
    parts += `${kind}(`;
    for (const name in inputs)
      parts += `${nameOf((inputs as Readonly<Record<string, EagerValue>>)[name] as EagerValue)},`;
    parts += ')';
  }
  const updates = changes.filter(({ before }) => leaves[leafOf.get(before) ?? -1] === before);
  const updated = new Set(updates.map(({ after }) => after));
  const outputs = pending.filter((value) => !updated.has(value));
  const changed = updates.map(({ before, after }) => `${nameOf(before)}>${nameOf(after)}`);
  const key = `${parts} = ${outputs.map(nameOf)} ${changed}`;
  return { key, calls, leaves, leafOf, outputs, updates };
}

/** The pending calls that values need, in the order in which they were made. */
function callsFor(values: readonly EagerValue[]): Call[] {
  const found = new Set<Call>();
  const open = values.flatMap(({ call }) => call ?? []);
  for (let call = open.pop(); call; call = open.pop()) {
    if (found.has(call)) continue;
    found.add(call);
    const inputs = call.inputs as Readonly<Record<string, EagerValue>>;
    for (const name in inputs) {
      const before = inputs[name]?.call;
      if (before && !found.has(before)) open.push(before);
    }
  }
  return [...found].sort((a, b) => a.order - b.order);
}

function scalarKey({ dtype, shape, values: [first = 0] }: EagerValue): string {
  return `${dtype} ${shape.length} ${Object.is(first, -0) ? '-0' : first}`;
}
