import type { Tensor } from 'onnxruntime-common';
import { lowerTape, NEXT } from '../lower.ts';
import { serialize } from '../serialize.ts';
import { type Layout, layoutOf, type StateBuffer } from '../state.ts';
import { mapEach, type Tape, type TapeOp, type TapeValue } from '../tape.ts';
import type { Target } from '../targets/target.ts';
import { Held, type HeldLayout, type HeldLayouts } from './held.ts';
import { hostTensor, Session, type Threads } from './ort.ts';
import type { Structure } from './structure.ts';
import { arrayOf, type EagerValue } from './value.ts';

/** A buffer of variables of a graph. */
interface GraphBuffer {
  readonly name: string;
  readonly layout: HeldLayout;
  /** Which leaf each member is; undefined for members that the graph does not read. */
  readonly leaves: readonly (number | undefined)[];
  /** Which update each member's new value is; empty where the graph does not change them. */
  readonly updates: readonly number[];
}

/** A structure as a graph that ONNX Runtime has loaded. */
export class LoadedGraph {
  /** How many nodes the graph has. */
  readonly nodes: number;
  readonly #session: Session;
  /** Which leaves the graph reads as they are. */
  readonly #inputs: readonly number[];
  readonly #buffers: readonly GraphBuffer[];

  /** @throws Error where the structure cannot be lowered or loaded */
  constructor(structure: Structure, { target, threads }: { target: Target; threads: Threads }, layouts: HeldLayouts) {
    const updated = structure.updates.map(({ before }) => structure.leafOf.get(before) as number);
    const fresh = layoutOf(tapeOf(structure, updated), target);
    const found = heldBuffers(structure, new Set(updated));
    const read = found.flatMap(({ leaves }) => leaves.filter((leaf) => leaf !== undefined));
    const layout: Layout = [...fresh, ...found.map(({ buffer }) => buffer)];
    const graph = lowerTape(tapeOf(structure, updated, read), target, { name: 'eager', layout });
    const outputs = new Set(graph.outputs.map(({ name }) => name));
    this.#buffers = layout.map((buffer) => {
      const leaves = buffer.members.map(({ name }) => leafNamed(name));
      const changed = outputs.has(`${buffer.name}${NEXT}`);
      const updates = changed ? leaves.map((leaf) => updated.indexOf(leaf as number)) : [];
      return { name: buffer.name, layout: layouts.of(buffer), leaves, updates };
    });
    this.#inputs = graph.inputs
      .map(({ name }) => name)
      .flatMap((name) => (name.startsWith('i') ? Number(name.slice(1)) : []));
    this.nodes = graph.nodes.length;
    this.#session = new Session(serialize(graph), threads);
  }

  /** Computes the outputs and updates of a structure with the same key. */
  run({ leaves, outputs, updates }: Structure): void {
    const feeds: Record<string, Tensor> = {};
    const fetches: Record<string, Tensor> = {};
    for (const leaf of this.#inputs) feeds[`i${leaf}`] = (leaves[leaf] as EagerValue).tensor;
    const results = outputs.map(({ dtype, size }) => arrayOf(dtype, size));
    outputs.forEach(({ shape, dtype }, i) => {
      fetches[`o${i}`] = hostTensor(results[i] as Float32Array, shape, dtype);
    });
    const next: { readonly buffer: GraphBuffer; readonly held: Held }[] = [];
    for (const buffer of this.#buffers) {
      feeds[buffer.name] = bufferOf(buffer, leaves);
      if (buffer.updates.length === 0) continue;
      const held = new Held(buffer.layout, buffer.layout.newTensor());
      fetches[`${buffer.name}${NEXT}`] = held.tensor;
      next.push({ buffer, held });
    }
    this.#session.run(feeds, fetches);
    outputs.forEach((output, i) => void output.settle(results[i] as Float32Array));
    for (const { buffer, held } of next) {
      buffer.updates.forEach((update, index) => void updates[update]?.after.hold(held, index));
    }
  }

  dispose(): void {
    this.#session.dispose();
  }
}

/** The contents of a buffer of variables, packed if they are not held so. */
function bufferOf({ layout, leaves: places }: GraphBuffer, leaves: readonly EagerValue[]): Tensor {
  const members = places.map((leaf) => (leaf === undefined ? undefined : leaves[leaf]));
  const buffer = members.find((member) => member)?.held?.buffer;
  const isHeld = members.every((member, i) => !member || (member.held?.buffer === buffer && member.held?.index === i));
  if (buffer?.layout === layout && isHeld) return buffer.tensor;
  const [only] = members;
  if (layout.isPlain && only) return only.tensor;
  const packed = new Held(layout, layout.pack(members.map((member) => member?.values)));
  // Values that several runs read are packed once.
  members.forEach((member, i) => void member?.hold(packed, i));
  return packed.tensor;
}

/** The buffers that hold leaves which the graph reads and does not change. */
function heldBuffers({ leaves }: Structure, updated: ReadonlySet<number>) {
  const found = new Map<Held, (number | undefined)[]>();
  leaves.forEach(({ held }, leaf) => {
    if (!held || updated.has(leaf) || held.buffer.layout.isPlain) return;
    const places = found.get(held.buffer) ?? held.buffer.layout.buffer.members.map(() => undefined);
    places[held.index] = leaf;
    found.set(held.buffer, places);
  });
  return [...found].map(([{ layout }, places], i) => {
    const members = layout.buffer.members.map((member, at) => ({
      ...member,
      name: variableName(places[at], `-${at}`),
    }));
    const buffer: StateBuffer = { name: `held${i}`, shape: layout.buffer.shape, members };
    return { buffer, leaves: places };
  });
}

const variableName = (leaf: number | undefined, otherwise: string): string =>
  leaf === undefined ? otherwise : `v${leaf}`;
const leafNamed = (name: string): number | undefined => (name.startsWith('v') ? Number(name.slice(1)) : undefined);

/**
 * A structure as a tape.
 * @param updated leaves that are variables, in the order of the updates
 * @param read leaves that are variables which do not change
 */
function tapeOf(structure: Structure, updated: readonly number[], read: readonly number[] = []): Tape {
  const { calls, leaves, leafOf, outputs, updates } = structure;
  const isVariable = new Set([...updated, ...read]);
  const given = leaves.map(({ shape, dtype }, i): TapeValue => {
    if (isVariable.has(i)) return { shape, dtype, source: { kind: 'variable', name: `v${i}` } };
    return { shape, dtype, source: { kind: 'input', name: `i${i}`, storage: undefined } };
  });
  const made = new Map<EagerValue, TapeValue>();
  for (const [value, leaf] of leafOf) made.set(value, given[leaf] as TapeValue);
  const onTape = (value: EagerValue) => made.get(value) as TapeValue;
  const ops = calls.map((call): TapeOp => {
    const results = call.outputs.map(({ shape, dtype }): TapeValue => ({ shape, dtype, source: { kind: 'op' } }));
    const { kernel, attrs, scope } = call;
    const op = { kernel, inputs: mapEach(call.inputs, onTape), attrs, outputs: results, scope };
    call.outputs.forEach((output, i) => void made.set(output, results[i] as TapeValue));
    return op;
  });
  const variables = [...updated, ...read].map((leaf) => given[leaf] as TapeValue<'variable'>);
  return {
    ops,
    inputs: given.filter((value): value is TapeValue<'input'> => value.source.kind === 'input'),
    variables,
    updates: variables.map((variable, i) => (updates[i] ? onTape(updates[i].after) : variable)),
    outputs: Object.fromEntries(outputs.map((output, i) => [`o${i}`, onTape(output)])),
  };
}
