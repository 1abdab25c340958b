import type { OpType } from './infer.ts';
import { type Graph, type Node, readsOf } from './ir.ts';
import { OPSET } from './serialize.ts';

/** The operator sets that files can be written in. */
export const OPSETS = { lowest: 13, highest: 24 } as const;

/** Operators that are newer than the lowest set, and the set that has them. */
const SINCE: Readonly<Partial<Record<OpType, number>>> = {
  BitwiseAnd: 18,
  DFT: 17,
  HardSwish: 14,
  LayerNormalization: 17,
};

/** Operators that mean something else from a set on. */
const UNTIL: Readonly<Partial<Record<OpType, number>>> = { DFT: 19 };

/** Reductions that took their axes as an attribute before set 18. */
const REDUCTIONS: ReadonlySet<string> = new Set(['ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd']);

/**
 * A graph in another operator set than the one that it is made in.
 * @throws Error naming a node whose operator the set does not have
 */
export function inOpset(graph: Graph, opset: number): Graph {
  const { lowest, highest } = OPSETS;
  if (!Number.isInteger(opset) || opset < lowest || opset > highest) {
    throw new Error(`opset ${opset}: ${lowest} to ${highest} are possible`);
  }
  const write = (node: Node): Node => {
    const since = sinceOf(node);
    const until = UNTIL[node.op as OpType] ?? highest;
    if (opset < since) throw new Error(`opset ${opset}: node ${node.name} (${node.op}) needs ${since} or later`);
    if (opset > until) throw new Error(`opset ${opset}: node ${node.name} (${node.op}) needs ${until} or earlier`);
    const written = opset < OPSET && REDUCTIONS.has(node.op) ? withAxesAttribute(node) : node;
    const bodies = Object.entries(node.bodies ?? {}).map(([key, body]) => {
      return [key, { ...body, nodes: body.nodes.map(write) }];
    });
    return node.bodies ? { ...written, bodies: Object.fromEntries(bodies) } : written;
  };
  const nodes = graph.nodes.map(write);
  const used = new Set(nodes.flatMap(readsOf).map(({ name }) => name));
  const constants = graph.constants.filter(({ name }) => used.has(name));
  return { ...graph, nodes, constants, opset };
}

function sinceOf({ op, attrs, inputs }: Node): number {
  if (op === 'Shape') return attrs.start === undefined ? OPSETS.lowest : 15;
  if (op === 'ScatterND' || op === 'ScatterElements') {
    if (attrs.reduction === 'max' || attrs.reduction === 'min') return 18;
    return attrs.reduction === undefined ? OPSETS.lowest : 16;
  }
  if (op === 'Relu' && inputs[0]?.type === 'int32') return 14;
  return SINCE[op as OpType] ?? OPSETS.lowest;
}

function withAxesAttribute(node: Node): Node {
  const [x, axes] = node.inputs;
  if (!x || !axes) return node;
  if (!axes.constant) throw new Error(`node ${node.name} (${node.op}) needs opset 18: its axes are not constant`);
  const list = Array.from(axes.constant as ArrayLike<number | bigint>, Number);
  return { ...node, inputs: [x], attrs: { ...node.attrs, axes: list } };
}
