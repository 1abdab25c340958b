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
  const names = new Map<EagerValue, string>();
  const leaves: EagerValue[] = [];
  const leafOf = new Map<EagerValue, number>();
  const scalars = new Map<string, number>();
  const nameOf = (value: EagerValue): string => {
    const known = names.get(value);
    if (known) return known;
    const scalar = value.given && value.values.length === 1 ? scalarKey(value) : undefined;
    const same = scalar === undefined ? undefined : scalars.get(scalar);
    const leaf = same ?? leaves.push(value) - 1;
    if (scalar !== undefined) scalars.set(scalar, leaf);
    leafOf.set(value, leaf);
    names.set(value, `i${leaf}`);
    return `i${leaf}`;
  };
  const parts = calls.map((call, position) => {
    const inputs = Object.values(call.inputs).map(nameOf);
    call.outputs.forEach((output, i) => void names.set(output, `${position}.${i}`));
    return `${call.kind}(${inputs})`;
  });
  const updates = changes.filter(({ before }) => leaves[leafOf.get(before) ?? -1] === before);
  const updated = new Set(updates.map(({ after }) => after));
  const outputs = pending.filter((value) => !updated.has(value));
  const changed = updates.map(({ before, after }) => `${names.get(before)}>${names.get(after)}`);
  const key = `${parts.join(' ')} = ${outputs.map((output) => names.get(output))} ${changed}`;
  return { key, calls, leaves, leafOf, outputs, updates };
}

/** The pending calls that values need, in the order in which they were made. */
function callsFor(values: readonly EagerValue[]): Call[] {
  const found = new Set<Call>();
  const open = values.flatMap(({ call }) => call ?? []);
  for (let call = open.pop(); call; call = open.pop()) {
    if (found.has(call)) continue;
    found.add(call);
    for (const input of Object.values(call.inputs) as EagerValue[]) if (input.call) open.push(input.call);
  }
  return [...found].sort((a, b) => a.order - b.order);
}

function scalarKey({ dtype, shape, values: [first = 0] }: EagerValue): string {
  return `${dtype} ${shape.length} ${Object.is(first, -0) ? '-0' : first}`;
}
