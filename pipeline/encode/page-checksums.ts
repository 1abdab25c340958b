import { crc32 } from 'node:zlib';
import type { ColumnChunk } from 'hyparquet';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import type { Writer } from 'hyparquet-writer';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';

/**
 * Appends a column chunk that was written elsewhere, with a checksum in the header of each page: the CRC-32 of the bytes that
 * follow the header (field 4 of `PageHeader` in parquet.thrift), which the library does not write.
 * @param chunk with positions inside `pages`
 * @returns the chunk with its positions in the file
 */
export function appendWithChecksums(writer: Writer, chunk: ColumnChunk, pages: Uint8Array): ColumnChunk {
  const about = chunk.meta_data;
  if (!about) throw new Error('a column chunk that was just written has metadata');
  const start = writer.offset;
  const moved = new Map<bigint, bigint>();
  const reader = { view: new DataView(pages.buffer, pages.byteOffset, pages.byteLength), offset: 0 };
  while (reader.offset < pages.length) {
    moved.set(BigInt(reader.offset), BigInt(writer.offset));
    const header = deserializeTCompactProtocol(reader) as Record<string, unknown>;
    const body = pages.subarray(reader.offset, reader.offset + Number(header.field_3));
    const fields = Object.entries({ ...header, field_4: crc32(body) | 0 });
    serializeTCompactProtocol(writer, Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1))));
    writer.appendBytes(body);
    reader.offset += body.length;
  }
  const added = BigInt(writer.offset - start - pages.length);
  return {
    ...chunk,
    file_offset: BigInt(start),
    meta_data: {
      ...about,
      total_compressed_size: about.total_compressed_size + added,
      total_uncompressed_size: about.total_uncompressed_size + added,
      data_page_offset: moved.get(about.data_page_offset) ?? 0n,
      ...(about.dictionary_page_offset !== undefined && {
        dictionary_page_offset: moved.get(about.dictionary_page_offset) ?? 0n,
      }),
    },
  };
}
