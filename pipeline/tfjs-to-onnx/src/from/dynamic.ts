import { attributeKey, type Constant, type Graph, type Node, type Ref } from '../ir.ts';
import { sameNumbers } from '../numbers.ts';
import { autoPadded } from './auto-pad.ts';
import { repetitionOf, sequenceOf } from './comparison.ts';
import { SizeFinder } from './size-finder.ts';
import { BATCH, type Sizes } from './symbols.ts';

/** One program lowered at several sizes. */
export interface Samples {
  readonly name: string;
  readonly graphs: readonly Graph[];
  /** The value of each symbol in each graph. */
  readonly sizes: readonly Sizes[];
}

/**
 * One graph for all sizes. What is the same in all samples stays; a size that differs is computed from a tensor that has
 * it.
 * @throws Error naming the node where something depends on the sizes that cannot be computed from them
 */
export function generalise({ name, graphs, sizes }: Samples): Graph {
  const [first] = graphs;
  if (!first) throw new Error('there is no sample');
  const symbols = Object.keys(sizes[0] ?? {});
  const what = symbols.every((symbol) => symbol === BATCH) ? 'for another batch size' : 'at another size';
  const nodes: Node[] = [];
  const constants = new Map<string, Ref>();
  const moved = new Map<string, Ref>();
  const keep = (ref: Ref): Ref => {
    constants.set(ref.name, ref);
    return ref;
  };
  const finder = new SizeFinder({ graphs, sizes, nodes, keep });

  compareNodes(graphs, (node) => {
    nodes.push(node);
    for (const output of node.outputs) finder.made(output);
  });
  return {
    ...first,
    nodes,
    constants: [...constants.values()],
    shapes: Object.fromEntries([
      ...first.inputs.map((ref) => [ref.name, finder.symbolic(ref.name, ref.name)] as const),
      ...first.outputs.map(({ name: output, ref }) => [output, finder.symbolic(ref.name, output)] as const),
    ]),
  };

  /** Gives each node of one graph or body for all sizes. What it needs of the sizes is computed outside bodies. */
  function compareNodes(samples: readonly Graph[], give: (node: Node) => void): void {
    const [own, ...rest] = samples;
    if (!own || rest.some((graph) => graph.nodes.length !== own.nodes.length)) {
      throw new Error(`${name}: the operations differ ${what}`);
    }
    own.nodes.forEach((node, i) => {
      const counterparts = rest.map((graph) => graph.nodes[i] as Node);
      const where = `${node.name} (${node.op})`;
      const attrs = sameAttributes([node, ...counterparts]);
      if (!attrs || !counterparts.every((other) => sameWires(node, other))) {
        throw new Error(`${name}: node ${where} is not the same ${what}`);
      }
      const refs = node.inputs.map((input, k): Ref => {
        const { constant } = input;
        if (!constant) return moved.get(input.name) ?? input;
        const samples = [input, ...counterparts.map((other) => other.inputs[k] as Ref)];
        const values = samples.map((ref) => ref.constant);
        if (!values.every((value) => value && sameNumbers(constant, value))) {
          return follow(node, where, input, values as Constant[]);
        }
        const shapes = samples.map(({ shape }) => shape);
        const alike = shapes.every((shape) => String(shape) === String(input.shape));
        return alike ? keep(input) : finder.empty(node, where, name, input, shapes);
      });
      const bodies = Object.entries(node.bodies ?? {}).map(([key, body]) => {
        const inner: Node[] = [];
        compareNodes([body, ...counterparts.map((other) => other.bodies?.[key] ?? body)], (one) => inner.push(one));
        return [key, { ...body, nodes: inner }] as const;
      });
      const producer = { ...node, attrs, inputs: refs, ...(node.bodies && { bodies: Object.fromEntries(bodies) }) };
      give(producer);
      for (const output of node.outputs) moved.set(output, { name: output, type: 'float', shape: [], producer });
    });
  }

  /** A constant that differs between the samples: a list of sizes, a sequence of numbers, equal rows, or a size. */
  function follow(node: Node, where: string, ref: Ref, values: readonly Constant[]): Ref {
    const lists = values.map((value) => Array.from(value, Number));
    if (ref.type === 'int64' && lists.every((list) => list.length === ref.constant?.length)) {
      return finder.list(node, where, name, lists);
    }
    const sequence = sequenceOf(ref, values);
    if (sequence) return finder.sequence(node, where, name, ref, sequence);
    const repetition = repetitionOf(ref, values);
    if (repetition) return finder.repeated(node, where, name, ref, repetition);
    const isOne = lists.every((list) => list.length === 1) && (ref.type === 'float' || ref.type === 'int32');
    const number = isOne ? finder.number(node, ref, lists.flat()) : undefined;
    if (number) return number;
    const remedy = 'write the program without it, or give it as an input';
    throw new Error(`${name}: a number in ${where} differs ${what}: it is random or depends on the size; ${remedy}`);
  }
}

/** The attributes of one node in all samples, undefined where they differ. Those for inference are left out. */
function sameAttributes(samples: readonly Node[]): Node['attrs'] | undefined {
  const [own, ...others] = samples.map(({ attrs }) =>
    Object.fromEntries(Object.entries(attrs).filter(([key]) => !key.startsWith('_'))),
  );
  const key = attributeKey(own);
  return others.every((attrs) => attributeKey(attrs) === key) ? own : autoPadded(samples);
}

/** Whether two nodes are the same operator on the same values, aside from constants. */
function sameWires(a: Node, b: Node): boolean {
  const wires = ({ op, inputs }: Node) => [op, ...inputs.map(({ name, constant }) => (constant ? 'constant' : name))];
  return JSON.stringify(wires(a)) === JSON.stringify(wires(b));
}
