import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { Attributes, ElementType, Graph, Ref } from './graph.ts';

/** The one operator set that graphs are written in. */
export const OPSET = 18;
const IR_VERSION = 8;
const NCHWC_DOMAIN = 'com.microsoft.nchwc';

const DATA_TYPE: Readonly<Record<ElementType, DataType>> = {
  float: DataType.FLOAT,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
};

/** Attributes that ONNX types as floats; all other numbers are integers. */
const FLOAT_ATTRIBUTES = new Set(['alpha', 'beta', 'bias', 'gamma']);

export interface SerializeOptions {
  /** Shapes of inputs and outputs with symbolic dimensions, by name, where they differ from the graph's. */
  readonly shapes?: Readonly<Record<string, readonly (number | string)[]>>;
}

/** The graph as the bytes of an ONNX file (`ModelProto`); constants become initializers that are not inputs. */
export function serialize(graph: Graph, { shapes = {} }: SerializeOptions = {}): Uint8Array {
  const blocked = graph.nodes.some(({ op }) => op.startsWith('nchwc.'));
  const info = (name: string, ref: Ref) => valueInfo(name, ref.type, shapes[name] ?? ref.shape);
  const renamed = new Map(graph.outputs.map(({ name, ref }) => [ref.name, name]));
  const nameOf = (name: string) => renamed.get(name) ?? name;
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: 'tfjs-to-onnx',
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(OPSET) }),
      ...(blocked ? [create(OperatorSetIdProtoSchema, { domain: NCHWC_DOMAIN, version: 1n })] : []),
    ],
    graph: create(GraphProtoSchema, {
      name: graph.name,
      input: graph.inputs.map((ref) => info(ref.name, ref)),
      output: graph.outputs.map(({ name, ref }) => info(name, ref)),
      initializer: graph.constants.map(tensor),
      node: graph.nodes.map(({ op, name, inputs, attrs, outputs }) =>
        create(NodeProtoSchema, {
          name,
          opType: op.replace('nchwc.', ''),
          domain: op.startsWith('nchwc.') ? NCHWC_DOMAIN : '',
          input: inputs.map((ref) => nameOf(ref.name)),
          output: outputs.map(nameOf),
          attribute: attributes(attrs),
        }),
      ),
    }),
  });
  return toBinary(ModelProtoSchema, model);
}

function valueInfo(name: string, type: ElementType, shape: readonly (number | string)[]) {
  const dim = shape.map((d) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof d === 'number' ? { case: 'dimValue', value: BigInt(d) } : { case: 'dimParam', value: d },
    }),
  );
  const value = create(TypeProto_TensorSchema, {
    elemType: DATA_TYPE[type],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value } }),
  });
}

function tensor({ name, type, shape, constant }: Ref) {
  if (!constant) throw new Error(`${name} is not a constant`);
  const { buffer, byteOffset, byteLength } = constant;
  const rawData = new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
  return create(TensorProtoSchema, { name, dataType: DATA_TYPE[type], dims: shape.map(BigInt), rawData });
}

function attributes(attrs: Attributes) {
  return Object.entries(attrs).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (name === 'to')
      return [
        create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(DATA_TYPE[value as ElementType]) }),
      ];
    if (typeof value === 'string')
      return [create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) })];
    if (typeof value !== 'number')
      return [create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) })];
    return FLOAT_ATTRIBUTES.has(name)
      ? [create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value })]
      : [create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) })];
  });
}
