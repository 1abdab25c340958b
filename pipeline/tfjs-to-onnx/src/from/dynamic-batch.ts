import type { OpType } from '../infer.ts';
import type { Constant, Graph, Node, Ref } from '../ir.ts';
import { lowerTape } from '../lower.ts';
import type { Tape } from '../tape.ts';
import { portable } from '../targets/target.ts';

/** The name of the batch dimension. */
const BATCH = 'N';

/**
 * Finds the batch size in a program by tracing it at two sizes and comparing. Shapes that differ follow the size of the
 * first input's first axis.
 * @param traceAt traces the program for a batch size
 * @throws Error naming the node where a value other than a shape depends on the batch size
 */
export function dynamicBatch(traceAt: (n: number) => Tape, name: string): Graph {
  const [small, large] = [lowerTape(traceAt(SMALL), portable, { name }), lowerTape(traceAt(LARGE), portable, { name })];
  if (small.nodes.length !== large.nodes.length) {
    throw new Error(`${name}: the operations differ for a batch of another size`);
  }
  const nodes: Node[] = [];
  const constants = new Map<string, Ref>();
  const moved = new Map<string, Ref>();
  let batchSize: Ref | undefined;
  small.nodes.forEach((node, i) => {
    const other = large.nodes[i];
    if (!other || !sameWork(node, other)) {
      throw new Error(`${name}: node ${node.name} (${node.op}) is not the same for a batch of another size`);
    }
    const inputs = node.inputs.map((input, k): Ref => {
      const counterpart = other.inputs[k]?.constant;
      if (!input.constant) return moved.get(input.name) ?? input;
      return counterpart && equal(input.constant, counterpart) ? keep(input) : follow(node, input, counterpart);
    });
    const producer = { ...node, inputs };
    nodes.push(producer);
    for (const output of node.outputs) moved.set(output, { name: output, type: 'float', shape: [], producer });
  });
  return {
    ...small,
    nodes,
    constants: [...constants.values()],
    shapes: Object.fromEntries([
      ...small.inputs.map((ref, i) => [ref.name, symbolic(ref, large.inputs[i])] as const),
      ...small.outputs.map(({ name: output, ref }, i) => [output, symbolic(ref, large.outputs[i]?.ref)] as const),
    ]),
  };

  function keep(ref: Ref): Ref {
    constants.set(ref.name, ref);
    return ref;
  }

  /** A shape that depends on the batch size, given what it is at both sizes. */
  function follow(node: Node, ref: Ref, y: Constant | undefined): Ref {
    const x = ref.constant;
    const where = `${node.name} (${node.op})`;
    if (!(x instanceof BigInt64Array) || !(y instanceof BigInt64Array) || x.length !== y.length) {
      throw new Error(`${name}: a number in ${where} depends on the batch size; write the program without it`);
    }
    if (node.op === 'Reshape' && x.filter((d, k) => d !== y[k]).length === 1) {
      return keep({ ...ref, name: `${node.name}/shape`, constant: x.map((d, k) => (d === y[k] ? d : -1n)) });
    }
    const parts = Array.from(x, (size, k): Ref => {
      const [d, e] = [Number(size), Number(y[k])];
      if (d === e) return keep(int64(`${node.name}/dim${k}`, d));
      const times = d / SMALL;
      if (!Number.isInteger(times) || times * LARGE !== e) {
        const found = `${d} for ${SMALL}, ${e} for ${LARGE}`;
        throw new Error(`${name}: a size in ${where} is no multiple of the batch size (${found})`);
      }
      batchSize ??= sizeOfBatch();
      if (times === 1) return batchSize;
      return add('Mul', `${node.name}/size${k}`, [batchSize, keep(int64(`${node.name}/times${k}`, times))]);
    });
    return add('Concat', `${node.name}/sizes`, parts, { axis: 0 });
  }

  /** Adds a node that reads the batch size off an input. */
  function sizeOfBatch(): Ref {
    const input = small.inputs.find((ref, i) => ref.shape[0] === SMALL && large.inputs[i]?.shape[0] === LARGE);
    if (!input) throw new Error(`${name}: no input's first axis is the batch`);
    return add('Shape', `${input.name}:batch`, [input], { start: 0, end: 1 });
  }

  function add(op: OpType, id: string, inputs: Ref[], attrs: Node['attrs'] = {}): Ref {
    const producer: Node = { op, name: id, inputs, attrs, outputs: [id] };
    nodes.push(producer);
    return { name: id, type: 'int64', shape: [inputs.length], producer };
  }
}

/** Primes that no size in a program is likely to be. */
const SMALL = 89;
const LARGE = 97;

const int64 = (name: string, value: number): Ref => ({
  name,
  type: 'int64',
  shape: [1],
  constant: BigInt64Array.of(BigInt(value)),
});

/** Whether two nodes do the same to the same values, aside from constants. */
function sameWork(a: Node, b: Node): boolean {
  const wires = ({ inputs }: Node) => inputs.map(({ name, constant }) => (constant ? 'constant' : name));
  const described = (node: Node) => JSON.stringify([node.op, node.attrs, wires(node)]);
  return described(a) === described(b);
}

const equal = (a: Constant, b: Constant): boolean => a.length === b.length && a.every((value, i) => value === b[i]);

/** A shape with the batch size in it; a dimension that is no multiple of it gets its own name. */
function symbolic(a: Ref, b: Ref | undefined): (number | string)[] {
  return a.shape.map((d, axis) => {
    const [times, other] = [d / SMALL, b?.shape[axis]];
    if (d === other) return d;
    if (times * LARGE !== other) return `${a.name}:${axis}`;
    return times === 1 ? BATCH : `${times}*${BATCH}`;
  });
}
