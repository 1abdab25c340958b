import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type GraphProtoSchema,
  ModelProtoSchema,
} from 'onnx-buf';
import type { Attributes, ElementType, Graph, Node, Ref } from './ir.ts';

/** The operator set that graphs are made in; `inOpset` writes them in another. */
export const OPSET = 18;
/** The version of the file format that a set asks for. */
const irVersion = (opset: number): number => (opset < 19 ? 8 : opset < 21 ? 9 : opset < 23 ? 10 : 11);
/** The prefix of blocked operators' names here, and their domain in ONNX Runtime. */
const [NCHWC, NCHWC_DOMAIN] = ['nchwc.', 'com.microsoft.nchwc'];

const dataType = (type: ElementType): DataType => DataType[type.toUpperCase() as Uppercase<ElementType>];

/** Attributes that ONNX types as floats; all other numbers are integers. */
const FLOAT_ATTRIBUTES = new Set(['alpha', 'beta', 'bias', 'epsilon', 'gamma']);

/** The graph as the bytes of an ONNX file (`ModelProto`); constants become initializers that are not inputs. */
export function serialize(graph: Graph): Uint8Array {
  const { opset = OPSET } = graph;
  const blocked = graph.nodes.some(({ op }) => op.startsWith(NCHWC));
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(irVersion(opset)),
    producerName: 'tfjs-to-onnx',
    opsetImport: [{ domain: '', version: BigInt(opset) }, ...(blocked ? [{ domain: NCHWC_DOMAIN, version: 1n }] : [])],
    graph: graphProto(graph, (name, { type, shape }) => valueInfo(name, type, graph.shapes?.[name] ?? shape)),
  });
  return toBinary(ModelProtoSchema, model);
}

/** @param outer what values of the graphs around this one are called in the file */
function graphProto(
  graph: Graph,
  info: (name: string, ref: Ref) => ReturnType<typeof valueInfo>,
  outer: (name: string) => string = (name) => name,
): MessageInitShape<typeof GraphProtoSchema> {
  const renamed = new Map(graph.outputs.map(({ name, ref }) => [ref.name, name]));
  const nameOf = (name: string) => renamed.get(name) ?? outer(name);
  return {
    name: graph.name,
    input: graph.inputs.map((ref) => info(ref.name, ref)),
    output: graph.outputs.map(({ name, ref }) => info(name, ref)),
    initializer: graph.constants.map(tensor),
    node: graph.nodes.map((node) => nodeProto(node, nameOf)),
  };
}

function nodeProto({ op, name, inputs, attrs, outputs, bodies = {} }: Node, nameOf: (name: string) => string) {
  return {
    name,
    opType: op.replace(NCHWC, ''),
    domain: op.startsWith(NCHWC) ? NCHWC_DOMAIN : '',
    input: inputs.map((ref) => nameOf(ref.name)),
    output: outputs.map(nameOf),
    attribute: [
      ...Object.entries(attrs).flatMap(([key, value]) =>
        value === undefined || key.startsWith('_') ? [] : [attribute(key, value)],
      ),
      ...Object.entries(bodies).map(([key, body]) => {
        // The shapes follow from those of the node's inputs; `Loop` wants to see that its condition is a scalar.
        const g = graphProto(
          body,
          (port, { type, shape }) => valueInfo(port, type, shape.length === 0 ? [] : undefined),
          nameOf,
        );
        return { name: key, type: AttributeType.GRAPH, g };
      }),
    ],
  };
}

function valueInfo(name: string, type: ElementType, shape?: readonly (number | string)[]) {
  const dim = shape?.map((d) => {
    if (typeof d === 'string') return { value: { case: 'dimParam', value: d } } as const;
    return { value: { case: 'dimValue', value: BigInt(d) } } as const;
  });
  const value = { elemType: dataType(type), ...(dim && { shape: { dim } }) };
  return { name, type: { value: { case: 'tensorType' as const, value } } };
}

function tensor({ name, type, shape, constant }: Ref) {
  if (!constant) throw new Error(`${name} is not a constant`);
  const { buffer, byteOffset, byteLength } = constant;
  const rawData = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return { name, dataType: dataType(type), dims: shape.map(BigInt), rawData };
}

function attribute(name: string, value: NonNullable<Attributes[string]>) {
  if (name === 'to') return { name, type: AttributeType.INT, i: BigInt(dataType(value as ElementType)) };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if (typeof value !== 'number') return { name, type: AttributeType.INTS, ints: value.map(BigInt) };
  if (FLOAT_ATTRIBUTES.has(name)) return { name, type: AttributeType.FLOAT, f: value };
  return { name, type: AttributeType.INT, i: BigInt(value) };
}

/** A constant tensor in an ONNX file. */
export interface Initializer {
  readonly name: string;
  readonly shape: readonly number[];
  /** Position in the file of the first byte of its raw data (little-endian), and the number of bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Finds the initializers of an ONNX file that hold raw data.
 * @param file the bytes of a `ModelProto`
 */
export function findInitializers(file: Uint8Array): Initializer[] {
  const tensors = fromBinary(ModelProtoSchema, file).graph?.initializer ?? [];
  // The parser copies no bytes: the raw data of a tensor is a view of the file.
  return tensors
    .filter(({ rawData }) => rawData.buffer === file.buffer)
    .map(({ name, dims, rawData }) => {
      return { name, shape: dims.map(Number), offset: rawData.byteOffset - file.byteOffset, bytes: rawData.length };
    });
}
