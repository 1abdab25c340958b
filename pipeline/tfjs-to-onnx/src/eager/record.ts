import { attributeKey } from '../ir.ts';
import { requireRule, resultOf } from '../kernel-calls.ts';
import { type Call, EagerValue, type NumberType } from './value.ts';

/** What calls of one kind have in common. */
interface Kind {
  readonly id: number;
  /** Values like those that a call gives. */
  readonly results: readonly EagerValue[];
  /** Whether the kernel gives a list. */
  readonly several: boolean;
}

type Inputs = Call['inputs'];
type Attrs = Call['attrs'];

const kinds = new Map<string, Kind | Error>();
let nextOrder = 0;

/**
 * Records a kernel call.
 * @returns the values that it will compute, as a list where the kernel gives a list
 * @throws Error where the call cannot be lowered
 */
export function recordCall(kernel: string, inputs: Inputs, attrs: Attrs, scope: string): EagerValue | EagerValue[] {
  requireRule(kernel);
  const key = keyOf(kernel, inputs, attrs);
  const known = kinds.get(key);
  if (known instanceof Error) throw known;
  const kind = known ?? newKind(key, () => resultOf(kernel, inputs, attrs));
  const outputs = kind.results.map((result) => result.another());
  const call: Call = { kernel, inputs, attrs, outputs, kind: kind.id, order: nextOrder++, scope };
  for (const output of outputs) if (output.pending) output.call = call;
  return kind.several ? outputs : (outputs[0] as EagerValue);
}

/** The most kinds to remember: a program whose shapes always change must not fill the memory. */
const MOST_KINDS = 20_000;

function newKind(key: string, rule: () => ReturnType<typeof resultOf>): Kind {
  if (kinds.size >= MOST_KINDS) kinds.clear();
  try {
    const given = rule();
    const results = [given].flat().map(({ shape, dtype }) => new EagerValue([...shape], dtype as NumberType));
    const kind = { id: nextKind++, results, several: Array.isArray(given) };
    kinds.set(key, kind);
    return kind;
  } catch (error) {
    kinds.set(key, error as Error);
    throw error;
  }
}

let nextKind = 0;

function keyOf(kernel: string, inputs: Inputs, attrs: Attrs): string {
  let key = kernel;
  for (const name in inputs) key += ` ${name} ${(inputs as Readonly<Record<string, EagerValue>>)[name]?.type}`;
  for (const name in attrs) key += ` ${name}=${attributeKey(attrs[name])}`;
  return key;
}
