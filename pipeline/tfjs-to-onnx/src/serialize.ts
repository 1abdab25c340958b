import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProtoSchema,
} from 'onnx-buf';
import type { Attributes, ElementType, Graph, Ref, SymbolicShapes } from './ir.ts';

/** The one operator set that graphs are written in. */
export const OPSET = 18;
const IR_VERSION = 8;
/** The prefix of blocked operators' names here, and their domain in ONNX Runtime. */
const [NCHWC, NCHWC_DOMAIN] = ['nchwc.', 'com.microsoft.nchwc'];

const DATA_TYPE: Readonly<Record<ElementType, DataType>> = {
  float: DataType.FLOAT,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
};

/** Attributes that ONNX types as floats; all other numbers are integers. */
const FLOAT_ATTRIBUTES = new Set(['alpha', 'beta', 'bias', 'gamma']);

/** The graph as the bytes of an ONNX file (`ModelProto`); constants become initializers that are not inputs. */
export function serialize(graph: Graph, { shapes = {} }: { readonly shapes?: SymbolicShapes } = {}): Uint8Array {
  const blocked = graph.nodes.some(({ op }) => op.startsWith(NCHWC));
  const info = (name: string, ref: Ref) => valueInfo(name, ref.type, shapes[name] ?? ref.shape);
  const renamed = new Map(graph.outputs.map(({ name, ref }) => [ref.name, name]));
  const nameOf = (name: string) => renamed.get(name) ?? name;
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: 'tfjs-to-onnx',
    opsetImport: [{ domain: '', version: BigInt(OPSET) }, ...(blocked ? [{ domain: NCHWC_DOMAIN, version: 1n }] : [])],
    graph: {
      name: graph.name,
      input: graph.inputs.map((ref) => info(ref.name, ref)),
      output: graph.outputs.map(({ name, ref }) => info(name, ref)),
      initializer: graph.constants.map(tensor),
      node: graph.nodes.map(({ op, name, inputs, attrs, outputs }) => ({
        name,
        opType: op.replace(NCHWC, ''),
        domain: op.startsWith(NCHWC) ? NCHWC_DOMAIN : '',
        input: inputs.map((ref) => nameOf(ref.name)),
        output: outputs.map(nameOf),
        attribute: Object.entries(attrs).flatMap(([key, value]) =>
          value === undefined ? [] : [attribute(key, value)],
        ),
      })),
    },
  });
  return toBinary(ModelProtoSchema, model);
}

function valueInfo(name: string, type: ElementType, shape: readonly (number | string)[]) {
  const dim = shape.map((d) => ({
    value:
      typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: d },
  }));
  const value = { elemType: DATA_TYPE[type], shape: { dim } };
  return { name, type: { value: { case: 'tensorType' as const, value } } };
}

function tensor({ name, type, shape, constant }: Ref) {
  if (!constant) throw new Error(`${name} is not a constant`);
  const { buffer, byteOffset, byteLength } = constant;
  const rawData = new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
  return { name, dataType: DATA_TYPE[type], dims: shape.map(BigInt), rawData };
}

function attribute(name: string, value: NonNullable<Attributes[string]>) {
  if (name === 'to') return { name, type: AttributeType.INT, i: BigInt(DATA_TYPE[value as ElementType]) };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if (typeof value !== 'number') return { name, type: AttributeType.INTS, ints: value.map(BigInt) };
  if (FLOAT_ATTRIBUTES.has(name)) return { name, type: AttributeType.FLOAT, f: value };
  return { name, type: AttributeType.INT, i: BigInt(value) };
}

/** A constant tensor in an ONNX file, and where in the file its numbers are. */
export interface Initializer {
  readonly name: string;
  readonly shape: readonly number[];
  /** Position of the first byte of its raw data (little-endian) in the file, and the number of bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Finds the initializers of an ONNX file that hold their numbers as raw data.
 * @param file the bytes of a `ModelProto`
 */
export function findInitializers(file: Uint8Array): Initializer[] {
  return fieldsOf(file, { offset: 0, bytes: file.length }, ModelProtoSchema.field.graph.number)
    .flatMap((graph) => fieldsOf(file, graph, GraphProtoSchema.field.initializer.number))
    .flatMap((tensor) => {
      const { name, dims } = fromBinary(TensorProtoSchema, file.subarray(tensor.offset, tensor.offset + tensor.bytes));
      const raw = fieldsOf(file, tensor, TensorProtoSchema.field.rawData.number);
      return raw.map((range) => ({ name, shape: dims.map(Number), ...range }));
    });
}

type Range = Pick<Initializer, 'offset' | 'bytes'>;

/** Where in a message the contents of one of its fields are: messages or bytes. */
function fieldsOf(file: Uint8Array, { offset, bytes }: Range, field: number): Range[] {
  const reader = new BinaryReader(file);
  reader.pos = offset;
  const found: Range[] = [];
  while (reader.pos < offset + bytes) {
    const [number, type] = reader.tag();
    if (number !== field || type !== WireType.LengthDelimited) {
      reader.skip(type, number);
      continue;
    }
    const length = reader.uint32();
    found.push({ offset: reader.pos, bytes: length });
    reader.pos += length;
  }
  return found;
}
