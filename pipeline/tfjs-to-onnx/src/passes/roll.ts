import { inputsOf, LOOP, type Tape, type TapeOp, type TapeValue } from '../tape.ts';
import { withoutDead } from './fold.ts';
import { endOf, type LoopEnd, type Place } from './loop-end.ts';
import { lastOf, like, stackedAlong, timeFirst, withInputs } from './rewrite.ts';
import { IndexedTape, type Source, type Stretches, withoutTwins } from './steps.ts';

/** A loop of fewer steps is left as it is. */
const FEWEST = 3;

/**
 * Finds the loops that a program ran over the parts of an unstacked tensor, and makes one call of each. That is how
 * tfjs-layers runs recurrent layers, layers distributed over time, and their nestings: a loop's steps are equal calls
 * that read the next part of a sequence and what the step before left. A loop stays as it is where tensors from inside
 * many steps are used, as gradients do.
 */
export function roll(tape: Tape): Tape {
  const unstacked = tape.ops.filter(({ kernel, outputs }) => kernel === 'Unpack' && outputs.length >= FEWEST);
  // A loop inside a loop's steps comes after what the outer loop unstacks.
  const rolled = unstacked.reverse().reduce((current, op) => rollOver(op, current) ?? current, tape);
  return rolled === tape ? tape : withoutDead(rolled);
}

function rollOver(unstacked: TapeOp, tape: Tape): Tape | undefined {
  const indexed = new IndexedTape(tape.ops);
  for (const stretches of indexed.stretchesOf(unstacked)) {
    const given = indexed.sourcesOf(stretches);
    if (!given) continue;
    const { sources, first } = withoutTwins(indexed, stretches, given);
    const end = endOf(tape, indexed, stretches, first);
    const rolled = end && withLoop({ tape, indexed, stretches, sources, end });
    if (rolled) return rolled;
  }
  return undefined;
}

interface Loop {
  readonly tape: Tape;
  readonly indexed: IndexedTape;
  readonly stretches: Stretches;
  /** Where the inputs of each call of a step come from. */
  readonly sources: readonly (readonly Source[])[];
  readonly end: LoopEnd;
}

/** The tape with one call for a loop. */
function withLoop({ tape, indexed, stretches: { start, length, count }, sources, end }: Loop): Tape | undefined {
  const outputAt = ({ at, output }: Place) => indexed.op(start + at).outputs[output] as TapeValue;
  const places = [...end.last.values(), ...end.stacked.values()];
  const { calls, states, slices } = neededFor(places, sources);
  if (slices.length === 0) return undefined;

  // What the first step does, on stand-ins for states and slices, is what each step does.
  const stateIn = states.map(({ first }) => like(first));
  const sliceIn = slices.map((op) => like(op.outputs[0] as TapeValue));
  const inputOf = (source: Source): TapeValue => {
    if (source.kind === 'state') return stateIn[states.findIndex((one) => sameState(one, source))] as TapeValue;
    if (source.kind === 'slice') return sliceIn[slices.indexOf(source.of)] as TapeValue;
    return source.kind === 'outside' ? source.value : outputAt(source);
  };
  const constant = constantCalls(calls, sources);
  const called = (at: number) => withInputs(indexed.op(start + at), (sources[at] ?? []).map(inputOf));
  const ops = calls.filter((at) => !constant.has(at)).map(called);

  const isState = (place: Place) => states.some((one) => samePlace(one, place));
  const stacked = [...end.stacked.values(), ...[...end.last.values()].filter((place) => !isState(place))];
  const each = [...new Map(stacked.map((place) => [outputAt(place), place])).values()];
  const [lastStates, stacks] = [
    states.map(({ first }) => like(first)),
    each.map((place) => like(outputAt(place), count)),
  ];
  const stackOf = (place: Place) => stacks[each.findIndex((one) => samePlace(one, place))] as TapeValue;
  const sequences = slices.map((op) => timeFirst(op));
  const step = { ops, states: stateIn, slices: sliceIn, next: states.map(outputAt), each: each.map(outputAt) };
  const inside = new Set([...stateIn, ...sliceIn, ...ops.flatMap(({ outputs }) => outputs)]);
  const read = new Set([...ops.flatMap(inputsOf), ...step.next, ...step.each].filter((value) => !inside.has(value)));
  const loop: TapeOp = {
    kernel: LOOP,
    inputs: [...states.map(({ first }) => first), ...sequences.map(({ value }) => value), ...read],
    attrs: {},
    outputs: [...lastStates, ...stacks],
    scope: indexed.op(start).scope,
    step,
  };

  // After the loop, its outputs take the place of what the steps gave.
  const lasts = [...end.last].map(([value, place]) => {
    const state = lastStates[states.findIndex((one) => samePlace(one, place))];
    return state ? { value, now: state, ops: [] } : { value, ...lastOf(stackOf(place)) };
  });
  const renamed = new Map(lasts.map(({ value, now }) => [value, now]));
  const now = (value: TapeValue) => renamed.get(value) ?? value;
  const after = tape.ops.slice(start + length * count).map((op) => {
    const place = end.stacked.get(op);
    return place ? stackedAlong(op, stackOf(place)) : withInputs(op, inputsOf(op).map(now));
  });
  return {
    ...tape,
    ops: [
      ...tape.ops.slice(0, start),
      ...[...constant].map(called),
      ...sequences.flatMap(({ ops }) => ops),
      loop,
      ...lasts.flatMap(({ ops }) => ops),
      ...after,
    ],
    updates: tape.updates.map(now),
    outputs: Object.fromEntries(Object.entries(tape.outputs).map(([name, value]) => [name, now(value)])),
  };
}

/** What a step gives to the next one. */
type State = Extract<Source, { kind: 'state' }>;

const samePlace = (a: Place, b: Place): boolean => a.at === b.at && a.output === b.output;
const sameState = (a: State, b: State): boolean => samePlace(a, b) && a.first === b.first;

/** The calls of a step, in order, that some of its results need, and the states and sequences that those read. */
function neededFor(results: readonly Place[], sources: Loop['sources']) {
  const [calls, states, slices] = [new Set<number>(), [] as State[], new Set<TapeOp>()];
  const need = (at: number): void => {
    if (calls.has(at)) return;
    calls.add(at);
    for (const source of sources[at] ?? []) {
      if (source.kind === 'slice') slices.add(source.of);
      if (source.kind === 'state' && !states.some((one) => sameState(one, source))) states.push(source);
      if ('at' in source) need(source.at);
    }
  };
  for (const { at } of results) need(at);
  return { calls: [...calls].sort((a, b) => a - b), states, slices: [...slices] };
}

/** The calls, in order, that give the same at each step: they are made once, before the loop. */
function constantCalls(calls: readonly number[], sources: Loop['sources']): Set<number> {
  const constant = new Set<number>();
  for (const at of calls) {
    const same = (source: Source) => source.kind === 'outside' || (source.kind === 'step' && constant.has(source.at));
    if ((sources[at] ?? []).every(same)) constant.add(at);
  }
  return constant;
}
