import type { Constant, Graph, Node, Ref } from '../ir.ts';
import { lowerTape } from '../lower.ts';
import type { Tape } from '../tape.ts';
import { portable } from '../targets/target.ts';

/** The name of the batch dimension. */
const BATCH = 'N';

/** A graph for batches of any size; `shapes` says where the size enters and leaves. */
export interface DynamicGraph {
  readonly graph: Graph;
  readonly shapes: Readonly<Record<string, readonly (number | string)[]>>;
}

/**
 * Finds the batch size in a program by tracing it at two sizes and comparing: what differs is made to follow the size
 * of the first input's first axis.
 * @param traceAt traces the program for a batch size
 * @throws Error naming the node where something else than a shape depends on the batch size
 */
export function dynamicBatch(traceAt: (n: number) => Tape, name: string): DynamicGraph {
  const [small, large] = [lowerTape(traceAt(SMALL), portable, { name }), lowerTape(traceAt(LARGE), portable, { name })];
  if (small.nodes.length !== large.nodes.length) {
    throw new Error(`${name}: the program does other operations for a batch of another size`);
  }
  const nodes: Node[] = [];
  const constants = new Map<string, Ref>();
  let batchSize: Ref | undefined;
  const moved = new Map<string, Ref>();
  small.nodes.forEach((node, i) => {
    const other = large.nodes[i];
    if (!other || !alike(node, other)) {
      throw new Error(`${name}: node ${node.name} (${node.op}) is not the same for a batch of another size`);
    }
    const inputs = node.inputs.map((input, k): Ref => {
      const counterpart = other.inputs[k];
      if (!input.constant) return moved.get(input.name) ?? input;
      if (counterpart?.constant && equal(input.constant, counterpart.constant)) return keep(input);
      return follow(node, input, counterpart);
    });
    const own: Node = { ...node, inputs };
    nodes.push(own);
    node.outputs.forEach((output) => {
      moved.set(output, { name: output, type: 'float', shape: [], producer: own });
    });
  });
  return {
    graph: { ...small, nodes, constants: [...constants.values()] },
    shapes: Object.fromEntries([
      ...small.inputs.map((ref, i) => [ref.name, symbolic(ref, large.inputs[i])] as const),
      ...small.outputs.map(({ name: output, ref }, i) => [output, symbolic(ref, large.outputs[i]?.ref)] as const),
    ]),
  };

  function keep(ref: Ref): Ref {
    constants.set(ref.name, ref);
    return ref;
  }

  /** A shape that depends on the batch size. */
  function follow(node: Node, a: Ref, b: Ref | undefined): Ref {
    const [x, y] = [a.constant, b?.constant];
    if (!(x instanceof BigInt64Array) || !(y instanceof BigInt64Array) || x.length !== y.length) {
      throw new Error(
        `${name}: a number in ${node.name} (${node.op}) depends on the batch size; write the program without it`,
      );
    }
    const differing = Array.from(x.keys()).filter((k) => x[k] !== y[k]);
    if (node.op === 'Reshape' && differing.length === 1) {
      return keep({ ...a, name: `${node.name}/shape`, constant: x.map((d, k) => (k === differing[0] ? -1n : d)) });
    }
    const parts = Array.from(x.keys()).map((k): Ref => {
      const [d, e] = [Number(x[k]), Number(y[k])];
      if (d === e) return keep(int64(`${node.name}/dim${k}`, d));
      const times = d / SMALL;
      if (!Number.isInteger(times) || times * LARGE !== e) {
        throw new Error(
          `${name}: a size in ${node.name} (${node.op}) is no multiple of the batch size (${d} for ${SMALL}, ${e} for ${LARGE})`,
        );
      }
      batchSize ??= sizeOfBatch(small, large, nodes);
      if (times === 1) return batchSize;
      return add('Mul', `${node.name}/size${k}`, [batchSize, keep(int64(`${node.name}/times${k}`, times))]);
    });
    return add('Concat', `${node.name}/sizes`, parts, { axis: 0 });
  }

  function add(op: Node['op'], id: string, inputs: Ref[], attrs: Node['attrs'] = {}): Ref {
    const producer: Node = { op, name: id, inputs, attrs, outputs: [id] };
    nodes.push(producer);
    return { name: id, type: 'int64', shape: [inputs.length], producer };
  }
}

/** Primes that no size in a program is likely to be. */
const SMALL = 89;
const LARGE = 97;

/** Adds a node that reads the batch size off an input. */
function sizeOfBatch(small: Graph, large: Graph, nodes: Node[]): Ref {
  const input = small.inputs.find((ref, i) => ref.shape[0] === SMALL && large.inputs[i]?.shape[0] === LARGE);
  if (!input) throw new Error(`${small.name}: no input's first axis is the batch`);
  const producer: Node = {
    op: 'Shape',
    name: `${input.name}:batch`,
    inputs: [input],
    attrs: { start: 0, end: 1 },
    outputs: [`${input.name}:batch`],
  };
  nodes.push(producer);
  return { name: `${input.name}:batch`, type: 'int64', shape: [1], producer };
}

const int64 = (name: string, value: number): Ref => ({
  name,
  type: 'int64',
  shape: [1],
  constant: BigInt64Array.of(BigInt(value)),
});

/** Whether two nodes do the same to the same values, constants aside. */
function alike(a: Node, b: Node): boolean {
  const wires = ({ inputs }: Node) => inputs.map(({ name, constant }) => (constant ? 'constant' : name));
  const described = (node: Node) => JSON.stringify([node.op, node.attrs, wires(node)]);
  return described(a) === described(b);
}

const equal = (a: Constant, b: Constant): boolean => a.length === b.length && a.every((value, i) => value === b[i]);

/** A shape with the batch size in it; a dimension that is no multiple of it gets a name of its own. */
function symbolic(a: Ref, b: Ref | undefined): (number | string)[] {
  return a.shape.map((d, axis) => {
    const [times, other] = [d / SMALL, b?.shape[axis]];
    if (d === other) return d;
    if (times * LARGE !== other) return `${a.name}:${axis}`;
    return times === 1 ? BATCH : `${times}*${BATCH}`;
  });
}
