import { attributeKey, sameShape } from '../ir.ts';
import { sameNumbers } from '../numbers.ts';
import { inputsOf, type Step, type TapeOp, type TapeValue } from '../tape.ts';

/** Equal stretches of a tape, one after the other: the steps of a loop that tfjs ran. */
export interface Stretches {
  /** Position of the first call, calls in a step, and steps. */
  readonly start: number;
  readonly length: number;
  readonly count: number;
}

/** Where an input of a step's call comes from. */
export type Source =
  /** Another call of the step. */
  | { readonly kind: 'step'; readonly at: number; readonly output: number }
  /** A call of the step before, or at first from outside. */
  | { readonly kind: 'state'; readonly at: number; readonly output: number; readonly first: TapeValue }
  /** Part of a tensor that was unstacked before the loop. */
  | { readonly kind: 'slice'; readonly of: TapeOp }
  /** The same for all steps. */
  | { readonly kind: 'outside'; readonly value: TapeValue };

/** A tape with the producer of each tensor, by position. */
export class IndexedTape {
  readonly ops: readonly TapeOp[];
  readonly #made = new Map<TapeValue, { readonly op: number; readonly output: number }>();
  readonly #firstUse = new Map<TapeValue, number>();
  readonly #signatures: string[] = [];

  constructor(ops: readonly TapeOp[]) {
    this.ops = ops;
    ops.forEach(({ outputs }, op) => {
      outputs.forEach((value, output) => void this.#made.set(value, { op, output }));
    });
    ops.forEach((op, at) => {
      for (const value of inputsOf(op)) if (!this.#firstUse.has(value)) this.#firstUse.set(value, at);
    });
  }

  madeBy(value: TapeValue): { readonly op: number; readonly output: number } | undefined {
    return this.#made.get(value);
  }

  op(at: number): TapeOp {
    return this.ops[at] as TapeOp;
  }

  /** What a call does, aside from which tensors it reads. */
  signature(at: number): string {
    const op = this.ops[at];
    this.#signatures[at] ??= op ? signatureOf(op) : '';
    return this.#signatures[at];
  }

  /** The stretches that an unstacked tensor's parts are first used in, from whichever call of a step they can start. */
  stretchesOf({ outputs }: TapeOp): Stretches[] {
    const uses = outputs.map((part) => this.#firstUse.get(part) ?? -1);
    const [first = -1, second = -1] = uses;
    const [count, length] = [uses.length, second - first];
    if (first < 0 || length < 1 || !uses.every((use, t) => use === first + t * length)) return [];
    const last = first + (count - 1) * length;
    const equal = (a: number, b: number) => a >= 0 && b < this.ops.length && this.signature(a) === this.signature(b);
    let after = 0;
    while (after < length && equal(last - length + after, last + after)) after++;
    const found: Stretches[] = [];
    for (let before = 0; before < length && equal(first - before, second - before); before++) {
      if (before + after >= length) found.push({ start: first - before, length, count });
    }
    return found;
  }

  /** Where each call of a step has its inputs from, if all steps do the same. */
  sourcesOf({ start, length, count }: Stretches): Source[][] | undefined {
    const steps = Array.from({ length: count }, (_, t) => start + t * length);
    const all: Source[][] = [];
    for (let at = 0; at < length; at++) {
      if (!steps.every((step) => this.signature(step + at) === this.signature(start + at))) return undefined;
      const given = steps.map((step) => inputsOf(this.op(step + at)));
      const sources = (given[0] ?? []).map((_, slot) =>
        this.#source(
          given.map((inputs) => inputs[slot] as TapeValue),
          { start, length, count },
        ),
      );
      if (sources.includes(undefined)) return undefined;
      all.push(sources as Source[]);
    }
    return all;
  }

  /** @param values what an input is at each step */
  #source(values: readonly TapeValue[], { start, length, count }: Stretches): Source | undefined {
    const [first] = values;
    const [, second] = values;
    if (!first || !second) return undefined;
    if (values.every((value) => sameValue(value, first))) {
      const made = this.madeBy(first)?.op ?? -1;
      return made >= start ? undefined : { kind: 'outside', value: first };
    }
    const made = values.map((value) => this.madeBy(value));
    const [own, next] = [made[0], made[1]];
    if (own && made.every((one, t) => one?.op === own.op + t * length && one.output === own.output)) {
      const at = own.op - start;
      if (at >= 0 && at < length) return { kind: 'step', at, output: own.output };
    }
    if (next && made.slice(1).every((one, t) => one?.op === next.op + t * length && one.output === next.output)) {
      const at = next.op - start;
      const before = (own?.op ?? -1) < start;
      if (at >= 0 && at < length && before) return { kind: 'state', at, output: next.output, first };
    }
    const unstacked = own && this.op(own.op);
    if (unstacked?.kernel !== 'Unpack' || own === undefined || own.op >= start) return undefined;
    const inOrder = unstacked.outputs.length === count && unstacked.outputs.every((part, t) => part === values[t]);
    return inOrder ? { kind: 'slice', of: unstacked } : undefined;
  }
}

/**
 * The sources with equal calls of a step made one: each refers to the first call of its kind.
 * @returns the sources, and the first call for each call
 */
export function withoutTwins(
  indexed: IndexedTape,
  { start }: Stretches,
  sources: readonly (readonly Source[])[],
): { sources: Source[][]; first: number[] } {
  const ids = new Map<TapeValue | TapeOp, number>();
  const id = (of: TapeValue | TapeOp): number => {
    const known = ids.get(of) ?? ids.size;
    ids.set(of, known);
    return known;
  };
  const seen = new Map<string, number>();
  const first: number[] = [];
  // A state's call may come later in the step, so its twins are known after the first pass only.
  for (const [at, given] of sources.entries()) {
    const names = given.map((source) => {
      if (source.kind === 'step') return `step ${first[source.at]}.${source.output}`;
      if (source.kind === 'state') return `state ${source.at}.${source.output}.${id(source.first)}`;
      return `${source.kind} ${id(source.kind === 'slice' ? source.of : source.value)}`;
    });
    const key = `${indexed.signature(start + at)}(${names})`;
    first[at] = seen.get(key) ?? at;
    seen.set(key, first[at]);
  }
  const atFirst = (source: Source): Source =>
    'at' in source ? { ...source, at: first[source.at] ?? source.at } : source;
  return { sources: sources.map((given) => given.map(atFirst)), first };
}

/** Whether two tensors are one, or constants of the same numbers. */
function sameValue(a: TapeValue, b: TapeValue): boolean {
  if (a === b) return true;
  if (a.source.kind !== 'constant' || b.source.kind !== 'constant' || a.dtype !== b.dtype) return false;
  return sameShape(a.shape, b.shape) && sameNumbers(a.source.values, b.source.values);
}

function signatureOf({ kernel, inputs, attrs, outputs, scope, step }: TapeOp): string {
  const types = Object.entries(inputs).map(([name, { shape, dtype }]) => [name, shape, dtype]);
  const results = outputs.map(({ shape, dtype }) => [shape, dtype]);
  return attributeKey([kernel, types, attrs, results, scope, step && signatureOfStep(step, Object.values(inputs))]);
}

function signatureOfStep({ ops, states, slices, next, each }: Step, given: readonly TapeValue[]): unknown {
  const own = [...states, ...slices];
  const names = new Map([...own, ...given.slice(own.length)].map((value, i) => [value, `i${i}`]));
  const nameOf = (value: TapeValue) => names.get(value);
  const lines = ops.map((op, i) => {
    const line = [signatureOf(op), inputsOf(op).map(nameOf)];
    op.outputs.forEach((value, j) => void names.set(value, `${i}.${j}`));
    return line;
  });
  return [lines, next.map(nameOf), each.map(nameOf)];
}
