import { type FileHandle, open } from 'node:fs/promises';
import { fileError } from './errors.ts';

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

/** A TensorBoard event file. */
export class EventLog {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Creates the file, or overwrites it, and writes earlier events. */
  static async open(path: string, before: readonly Event[]): Promise<EventLog> {
    const start = before[0]?.time ?? Date.now() / 1000;
    try {
      const file = await open(path, 'w');
      const log = new EventLog(path, file);
      await file.appendFile(frame(message(time(start), bytes(3, utf8('brain.Event:2')))));
      for (const event of before) await log.write(event);
      return log;
    } catch (error) {
      throw fileError(error, `cannot write ${path}`);
    }
  }

  async write(event: Event): Promise<void> {
    try {
      await this.#file.appendFile(frame(encode(event)));
    } catch (error) {
      throw fileError(error, `cannot write ${this.#path}`);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

// tensorflow/core/util/event.proto and framework/summary.proto, as far as used here.

function encode({ time: seconds, step, scalars = {}, picture }: Event): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) => bytes(1, message(bytes(1, utf8(tag)), float(2, value))));
  if (picture) {
    const { height, width, channels, png } = picture.picture;
    const image = message(integer(1, height), integer(2, width), integer(3, channels), bytes(4, png));
    values.push(bytes(1, message(bytes(1, utf8(picture.tag)), bytes(4, image))));
  }
  return message(time(seconds), integer(2, step), bytes(5, message(...values)));
}

const utf8 = (text: string) => Buffer.from(text, 'utf8');
const message = (...fields: Uint8Array[]) => Buffer.concat(fields);
const key = (field: number, wireType: number) => Uint8Array.of((field << 3) | wireType);
const integer = (field: number, value: number) => message(key(field, 0), varint(value));
const bytes = (field: number, value: Uint8Array) => message(key(field, 2), varint(value.length), value);

function time(seconds: number): Uint8Array {
  const value = Buffer.alloc(8);
  value.writeDoubleLE(seconds);
  return message(key(1, 1), value);
}

function float(field: number, number: number): Uint8Array {
  const value = Buffer.alloc(4);
  value.writeFloatLE(number);
  return message(key(field, 5), value);
}

function varint(value: number): Uint8Array {
  const digits: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...digits, rest]);
    digits.push((rest % 128) + 128);
  }
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
