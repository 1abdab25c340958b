import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from 'onnx-buf';

/** A constant tensor in an ONNX file, and where in the file its numbers are. */
export interface Initializer {
  readonly name: string;
  readonly shape: readonly number[];
  /** Position of the first byte of its raw data (little-endian) in the file, and how many bytes they are. */
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Finds the initializers of an ONNX file that hold their numbers as raw data.
 * @param file the bytes of a `ModelProto`
 */
export function findInitializers(file: Uint8Array): Initializer[] {
  const whole = { offset: 0, bytes: file.length };
  return partsOf(file, whole, ModelProtoSchema.field.graph.number)
    .flatMap((graph) => partsOf(file, graph, GraphProtoSchema.field.initializer.number))
    .flatMap((tensor) => {
      const { name, dims } = fromBinary(TensorProtoSchema, file.subarray(tensor.offset, tensor.offset + tensor.bytes));
      const raw = partsOf(file, tensor, TensorProtoSchema.field.rawData.number);
      return raw.map(({ offset, bytes }) => ({ name, shape: dims.map(Number), offset, bytes }));
    });
}

type Range = Pick<Initializer, 'offset' | 'bytes'>;

/** Where in a message the contents of one of its fields are: messages or bytes. */
function partsOf(file: Uint8Array, { offset, bytes }: Range, field: number): Range[] {
  const reader = new BinaryReader(file);
  reader.pos = offset;
  const parts: Range[] = [];
  while (reader.pos < offset + bytes) {
    const [number, type] = reader.tag();
    if (number !== field || type !== WireType.LengthDelimited) {
      reader.skip(type, number);
      continue;
    }
    const length = reader.uint32();
    parts.push({ offset: reader.pos, bytes: length });
    reader.pos += length;
  }
  return parts;
}
