import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
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
import { findInitializers } from 'tfjs-to-onnx';

/** A file for a file input. */
export interface Chosen {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export const chosen = (name: string, content: Uint8Array | string): Chosen => ({
  name,
  mimeType: '',
  buffer: Buffer.from(content as Uint8Array),
});

/** The files of an export in a site's model folder, without those that the site has added. */
export async function exportedFiles(modelFolder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(modelFolder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const names = paths.map((path) => [relative(modelFolder, path), path] as const);
  const own = names.filter(([name]) => /^(card\.json|(en|de)coder\.onnx|training\/)/.test(name));
  return new Map(await Promise.all(own.map(async ([name, path]) => [name, await readFile(path)] as const)));
}

/** The model with all its weights replaced by NaN. */
export function withNaN(onnx: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(onnx);
  const view = new DataView(bytes.buffer);
  for (const { offset, bytes: length } of findInitializers(bytes)) {
    if (length < 512) continue; // a shape
    for (let at = offset; at < offset + length; at += 4) view.setFloat32(at, Number.NaN, true);
  }
  return bytes;
}

/** The model with a weight that differs in its last bit. */
export function withOtherWeight(onnx: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(onnx);
  const { offset = 0 } = findInitializers(bytes).find((initializer) => initializer.bytes >= 512) ?? {};
  bytes[offset] = (bytes[offset] as number) ^ 1;
  return bytes;
}

const value = (name: string, elemType: DataType, shape: readonly (number | string)[]) =>
  create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(TypeProto_TensorSchema, {
          elemType,
          shape: create(TensorShapeProtoSchema, {
            dim: shape.map((size) =>
              create(TensorShapeProto_DimensionSchema, {
                value:
                  typeof size === 'string'
                    ? { case: 'dimParam', value: size }
                    : { case: 'dimValue', value: BigInt(size) },
              }),
            ),
          }),
        }),
      },
    }),
  });

/** An encoder with the usual inputs and outputs that practically never returns. */
export function endlessEncoder(height: number, width: number, size: number): Uint8Array {
  const node = (opType: string, input: string[], output: string[], attribute = [] as ReturnType<typeof attr>[]) =>
    create(NodeProtoSchema, { opType, name: output[0] ?? '', input, output, attribute });
  const attr = (name: string, part: { i?: bigint; ints?: bigint[]; g?: ReturnType<typeof graph> }) =>
    create(AttributeProtoSchema, {
      name,
      type: part.g ? AttributeType.GRAPH : part.ints ? AttributeType.INTS : AttributeType.INT,
      ...part,
    });
  const graph = (part: object) => create(GraphProtoSchema, part);
  const int64 = (name: string, values: bigint[], dims: bigint[]) =>
    create(TensorProtoSchema, { name, dataType: DataType.INT64, dims, int64Data: values });
  const body = graph({
    name: 'body',
    input: [value('i', DataType.INT64, []), value('go', DataType.BOOL, []), value('x', DataType.FLOAT, ['N', size])],
    output: [value('on', DataType.BOOL, []), value('y', DataType.FLOAT, ['N', size])],
    node: [node('Identity', ['go'], ['on']), node('Sin', ['x'], ['y'])],
  });
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 18n })],
    graph: graph({
      name: 'endless',
      input: [value('image', DataType.UINT8, ['N', height, width, 1])],
      output: [value('latent', DataType.FLOAT, ['N', size])],
      initializer: [
        int64('times', [1n << 60n], []),
        int64('flat', [0n, BigInt(height * width)], [2n]),
        int64('start', [0n], [1n]),
        int64('end', [BigInt(size)], [1n]),
        int64('axis', [1n], [1n]),
        create(TensorProtoSchema, { name: 'yes', dataType: DataType.BOOL, dims: [], int32Data: [1] }),
      ],
      node: [
        node('Cast', ['image'], ['floats'], [attr('to', { i: BigInt(DataType.FLOAT) })]),
        node('Reshape', ['floats', 'flat'], ['row']),
        node('Slice', ['row', 'start', 'end', 'axis'], ['x0']),
        node('Loop', ['times', 'yes', 'x0'], ['latent'], [attr('body', { g: body })]),
      ],
    }),
  });
  return toBinary(ModelProtoSchema, model);
}
