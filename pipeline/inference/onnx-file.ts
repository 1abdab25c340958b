import { fromBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  TensorProto_DataLocation as Location,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType as Type,
  type ValueInfoProto,
} from 'onnx-buf';

/** An input or output of an ONNX file. */
export interface Port {
  readonly name: string;
  /** `float32`; undefined for what is no tensor. */
  readonly type: string | undefined;
  /** Names stand for sizes that are open, `?` for one without a name; undefined where the file does not say. */
  readonly shape: readonly (number | string)[] | undefined;
}

/** What an ONNX file says of itself. */
export interface OnnxFile {
  /** Of the standard operators. */
  readonly opset: number | undefined;
  /** Those without a value in the file. */
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Files that hold some of its weights. */
  readonly otherFiles: readonly string[];
}

/** Reads an ONNX file's header and graph. @throws Error when the bytes are no ONNX file */
export function readOnnx(bytes: Uint8Array): OnnxFile {
  const { graph, functions, opsetImport } = fromBinary(ModelProtoSchema, bytes);
  if (!graph) throw new Error('it has no graph');
  const given = new Set(graph.initializer.map(({ name }) => name));
  const tensors = [...tensorsOf(graph), ...functions.flatMap(({ node }) => node.flatMap(tensorsIn))];
  return {
    opset: Number(opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version) || undefined,
    inputs: graph.input.filter(({ name }) => !given.has(name)).map(portOf),
    outputs: graph.output.map(portOf),
    otherFiles: tensors
      .filter(({ dataLocation }) => dataLocation === Location.EXTERNAL)
      .map(({ externalData }) => externalData.find(({ key }) => key === 'location')?.value ?? 'a file without a name'),
  };
}

function portOf({ name, type }: ValueInfoProto): Port {
  if (type?.value.case !== 'tensorType') return { name, type: undefined, shape: undefined };
  const { elemType, shape } = type.value.value;
  return {
    name,
    type: Type[elemType]
      ?.toLowerCase()
      .replace(/^(float|double)$/, (found) => (found === 'float' ? 'float32' : 'float64')),
    shape: shape?.dim.map(({ value }) => (value.case === 'dimValue' ? Number(value.value) : value.value || '?')),
  };
}

/** All tensors of a graph and of the graphs in it. */
const tensorsOf = ({ initializer, sparseInitializer, node }: GraphProto): TensorProto[] => [
  ...initializer,
  ...sparseInitializer.flatMap(({ values, indices }) => [values ?? [], indices ?? []].flat()),
  ...node.flatMap(tensorsIn),
];

const tensorsIn = ({ attribute }: NodeProto): TensorProto[] =>
  attribute.flatMap(({ t, tensors, g, graphs }) => [
    ...(t ? [t] : []),
    ...tensors,
    ...[...(g ? [g] : []), ...graphs].flatMap(tensorsOf),
  ]);
