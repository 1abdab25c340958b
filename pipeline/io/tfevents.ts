import { open } from 'node:fs/promises';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { withFileErrors } from './errors.ts';

const { Varint: VARINT, Bit64: DOUBLE, LengthDelimited: LENGTH, Bit32: FLOAT } = WireType;

/** A picture for TensorBoard. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly png: Uint8Array;
}

/** An entry of an event file: numbers by tag, or a picture. */
export interface Event {
  /** Seconds since 1970. */
  readonly time: number;
  readonly step: number;
  readonly scalars?: Readonly<Record<string, number>>;
  readonly picture?: { readonly tag: string; readonly picture: Picture };
}

export type EventLog = Awaited<ReturnType<typeof openEventLog>>;

/** Creates a TensorBoard event file, or overwrites it, and writes earlier events. */
export async function openEventLog(path: string, before: readonly Event[]) {
  const writing = <T>(work: () => Promise<T>) => withFileErrors(`cannot write ${path}`, work);
  const file = await writing(() => open(path, 'w'));
  const append = (message: BinaryWriter) => writing(() => file.appendFile(frame(message.finish())));
  const log = {
    write: (event: Event) => append(encode(event)),
    close: () => writing(() => file.close()),
  };
  const start = before[0]?.time ?? Date.now() / 1000;
  await append(new BinaryWriter().tag(1, DOUBLE).double(start).tag(3, LENGTH).string('brain.Event:2'));
  for (const event of before) await log.write(event);
  return log;
}

/** An event as of tensorflow/core/util/event.proto and framework/summary.proto, as far as used here. */
function encode({ time, step, scalars = {}, picture }: Event): BinaryWriter {
  const summary = new BinaryWriter();
  for (const [tag, value] of Object.entries(scalars)) {
    summary.tag(1, LENGTH).fork().tag(1, LENGTH).string(tag).tag(2, FLOAT).float(value).join();
  }
  if (picture) {
    const { height, width, channels, png } = picture.picture;
    summary.tag(1, LENGTH).fork().tag(1, LENGTH).string(picture.tag).tag(4, LENGTH).fork();
    summary.tag(1, VARINT).int32(height).tag(2, VARINT).int32(width).tag(3, VARINT).int32(channels);
    summary.tag(4, LENGTH).bytes(png).join().join();
  }
  const event = new BinaryWriter().tag(1, DOUBLE).double(time).tag(2, VARINT).int64(step);
  return event.tag(5, LENGTH).bytes(summary.finish());
}

/** TFRecord: length, its checksum, the data, their checksum. */
function frame(data: Uint8Array): Uint8Array {
  const out = Buffer.alloc(12 + data.length + 4);
  out.writeBigUInt64LE(BigInt(data.length), 0);
  out.writeUInt32LE(maskedCrc32c(out.subarray(0, 8)), 8);
  out.set(data, 12);
  out.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return out;
}

/** What is wrong with an event file by the checksums of its records; undefined where nothing is. */
export function eventsDamage(bytes: Buffer): string | undefined {
  for (let at = 0; at < bytes.length; ) {
    const damaged = `it is damaged at byte ${at}`;
    const data = at + 12;
    if (data > bytes.length || bytes.readUInt32LE(at + 8) !== maskedCrc32c(bytes.subarray(at, at + 8))) return damaged;
    const end = data + Number(bytes.readBigUInt64LE(at));
    if (end + 4 > bytes.length || bytes.readUInt32LE(end) !== maskedCrc32c(bytes.subarray(data, end))) return damaged;
    at = end + 4;
  }
  return undefined;
}

/** CRC-32C (Castagnoli), rotated and offset as TFRecord requires. */
function maskedCrc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crcTable[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
