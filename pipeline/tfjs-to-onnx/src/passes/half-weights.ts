import { type Graph, type Node, type Ref, rewired } from '../ir.ts';

/** Number of elements below which a Cast takes more space than it saves. */
const SMALL = 64;

/** The largest float16. */
const LARGEST = 65504;

/**
 * Stores weights as float16, in half the space. A Cast widens each, and ONNX Runtime does that when it loads the file:
 * the graph computes in float32 as before. Weights beyond the range of float16 stay as they are.
 */
export function halfWeights(graph: Graph): Graph {
  const widened = new Map<string, Ref>();
  const casts: Node[] = [];
  const constants = graph.constants.map((ref): Ref => {
    if (!(ref.constant instanceof Float32Array) || ref.constant.length < SMALL) return ref;
    if (!ref.constant.every((value) => Math.abs(value) <= LARGEST)) return ref;
    const { weight: _, ...rest } = ref;
    const half: Ref = { ...rest, name: `${ref.name}:half`, type: 'float16', constant: halfs(ref.constant) };
    const cast: Node = { op: 'Cast', name: ref.name, inputs: [half], attrs: { to: 'float' }, outputs: [ref.name] };
    casts.push(cast);
    widened.set(ref.name, { name: ref.name, type: 'float', shape: ref.shape, producer: cast });
    return half;
  });
  const moved = (ref: Ref): Ref => (ref.constant ? (widened.get(ref.name) ?? ref) : ref);
  const nodes = graph.nodes.map((node) => rewired(node, moved, (name) => name));
  return { ...graph, constants, nodes: [...casts, ...nodes] };
}

/** The bits of the float16 numbers that are nearest, the even one of two. */
function halfs(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (all) => {
    const [sign, exponent, fraction] = [(all >>> 16) & 0x8000, ((all >>> 23) & 0xff) - 127, all & 0x7fffff];
    if (exponent < -25) return sign;
    // A number below 2⁻¹⁴ has the smallest exponent and fewer digits.
    const dropped = exponent < -14 ? -exponent - 1 : 13;
    const digits = exponent < -14 ? fraction | 0x800000 : ((exponent + 15) << 23) | fraction;
    const [kept, rest, half] = [digits >>> dropped, digits & ((1 << dropped) - 1), 1 << (dropped - 1)];
    return sign | (kept + Number(rest > half || (rest === half && (kept & 1) === 1)));
  });
}
