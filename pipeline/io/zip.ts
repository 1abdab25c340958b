import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { InputError } from './errors.ts';
import { type ByteSource, chunksOf, inflate, readUpTo, sliceOf } from './source.ts';

/**
 * A member of a zip archive (PKWARE's APPNOTE, 4.3; stored or deflated, zip64 included). Archives are read by position and
 * never held in memory.
 */
export interface ZipMember {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  /** Bytes in the archive. */
  readonly compressedSize: number;
  /** Bytes after decompression. */
  readonly size: number;
  /** Position of its local header. */
  readonly offset: number;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const END_BYTES = 22;
const MAX_COMMENT = 0xffff;
/** Bytes of the list of members; enough for hundreds of thousands of arrays. */
const MAX_DIRECTORY = 2 ** 26;
/** Bytes of a member that is read into memory. */
const MAX_MEMBER = 2 ** 30;
/** What writers that compute no CRC-32 record. */
const NO_CRC = 0;
/** The flag of names in UTF-8. */
const UTF8 = 0x800;
/** Marks a value that is in the zip64 record. */
const FULL32 = 0xffffffff;

/** Whether a file that begins with these bytes is a zip archive. An empty archive begins with its end record. */
export const isZip = (magic: Uint8Array): boolean =>
  magic.length >= 4 && [LOCAL, END].includes(Buffer.from(magic).readUInt32LE(0));

const damaged = (archive: ByteSource, what: string) =>
  new InputError(`${archive.name}: cut short or damaged: ${what}; download or copy it again`);

/**
 * Lists an archive's members, in the archive's order.
 * @throws InputError when it is not a zip archive, or is cut short
 */
export async function readZipMembers(archive: ByteSource): Promise<ZipMember[]> {
  const tailStart = Math.max(0, archive.size - END_BYTES - MAX_COMMENT);
  const tail = await readUpTo(archive, END_BYTES + MAX_COMMENT, tailStart);
  const at = findEnd(tail);
  if (at === undefined) throw damaged(archive, 'the end record of the zip archive is missing');
  let directorySize = tail.readUInt32LE(at + 12);
  let directoryStart = tail.readUInt32LE(at + 16);
  const locator = await readUpTo(archive, 20, Math.max(0, tailStart + at - 20));
  if (locator.length === 20 && locator.readUInt32LE(0) === LOCATOR64) {
    const end64 = await readUpTo(archive, 56, u64(locator, 8));
    if (end64.length < 56 || end64.readUInt32LE(0) !== END64) throw damaged(archive, 'its zip64 end record is missing');
    directorySize = u64(end64, 40);
    directoryStart = u64(end64, 48);
  }
  if (directorySize > MAX_DIRECTORY || directoryStart + directorySize > tailStart + at)
    throw damaged(archive, 'its list of members is not where it should be');
  const directory = await readUpTo(archive, directorySize, directoryStart);
  return [...parseDirectory(directory, archive)];
}

/**
 * Opens a member for reading by position and checks it against its size and CRC-32. A stored member is read in place, a
 * deflated member from a temporary file. Closing the member closes the archive.
 * @throws InputError when it is encrypted, compressed by another method, or damaged
 */
export async function openZipMember(archive: ByteSource, member: ZipMember): Promise<ByteSource> {
  const { method, compressedSize, size } = member;
  const name = `${archive.name}:${member.name}`;
  const start = await findZipMember(archive, member);
  let seen = 0;
  let crc = 0;
  if (method === 0) {
    if (member.crc !== NO_CRC) {
      for await (const chunk of chunksOf(archive, start, start + size)) crc = crc32(chunk, crc);
      if (crc !== member.crc) throw otherContents(archive, member);
    }
    return sliceOf(archive, name, start, compressedSize);
  }
  const inflated = await inflate(name, chunksOf(archive, start, start + compressedSize), 'deflate', (chunk) => {
    seen += chunk.length;
    crc = crc32(chunk, crc);
    if (seen > size) throw damaged(archive, `${member.name} is longer than the ${size} bytes that are listed`);
  });
  if (seen !== size || crc !== member.crc) {
    await inflated.close();
    throw otherContents(archive, member);
  }
  await archive.close();
  return inflated;
}

/**
 * Reads a member into memory and checks it against its size and CRC-32. The archive stays open.
 * @throws InputError when it is too large for that, encrypted, compressed by another method, or damaged
 */
export async function readZipMember(archive: ByteSource, member: ZipMember): Promise<Buffer> {
  const { name, size, compressedSize } = member;
  if (Math.max(size, compressedSize) > MAX_MEMBER) {
    throw new InputError(`${archive.name}:${name}: ${size} bytes are too many to hold in memory`);
  }
  const start = await findZipMember(archive, member);
  const stored = await readUpTo(archive, compressedSize, start);
  const inflateAll = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);
  const bytes =
    member.method === 0
      ? stored
      : await inflateAll(stored, { maxOutputLength: Math.max(1, size) }).catch(() => undefined);
  if (bytes?.length !== size || crc32(bytes) !== member.crc) throw otherContents(archive, member);
  return bytes;
}

const otherContents = (archive: ByteSource, { name }: ZipMember) =>
  damaged(archive, `${name} has other contents than its size and CRC-32 indicate`);

/**
 * Finds where the bytes of a member begin.
 * @throws InputError when it is encrypted, compressed by another method than `openZipMember` knows, or not there
 */
export async function findZipMember(archive: ByteSource, member: ZipMember): Promise<number> {
  const { method, compressedSize, size } = member;
  const name = `${archive.name}:${member.name}`;
  if (member.encrypted) throw new InputError(`${name}: it is encrypted; save it without a password`);
  const start = await checkZipName(archive, member);
  if (start + compressedSize > archive.size) throw damaged(archive, `${member.name} reaches beyond the end`);
  if (method === 0 && compressedSize !== size) throw damaged(archive, `${member.name} has two sizes`);
  if (method === 0 || method === 8) return start;
  throw new InputError(`${name}: compression method ${method} is not known; save it stored or deflated, as numpy does`);
}

/**
 * Compares the name of a member in the list of members with the one before its bytes, as Python's zipfile does.
 * @returns where its bytes begin
 * @throws InputError when they differ
 */
export async function checkZipName(archive: ByteSource, { name, offset }: ZipMember): Promise<number> {
  const local = await readUpTo(archive, 30, offset);
  if (local.length < 30 || local.readUInt32LE(0) !== LOCAL) throw damaged(archive, `${name} is not where it should be`);
  const length = local.readUInt16LE(26);
  const found = await readUpTo(archive, length, offset + 30);
  if (nameOf(found, (local.readUInt16LE(6) & UTF8) !== 0) !== name)
    throw damaged(archive, `${name} has another name before its bytes`);
  return offset + 30 + length + local.readUInt16LE(28);
}

/** Finds the end record: the last whose comment ends exactly at the end of the file. */
function findEnd(tail: Buffer): number | undefined {
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (tail.readUInt32LE(at) === END && at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length) return at;
  }
  return undefined;
}

function* parseDirectory(directory: Buffer, archive: ByteSource): Generator<ZipMember> {
  for (let at = 0; at < directory.length; ) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL)
      throw damaged(archive, 'its list of members is broken');
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    const end = extraEnd + directory.readUInt16LE(at + 32);
    if (end > directory.length) throw damaged(archive, 'its list of members is broken');
    const large = zip64Numbers(directory.subarray(nameEnd, extraEnd));
    // The zip64 record holds, in this order, only those of the three that exceed 32 bits.
    const wide = (value: number) => (value === FULL32 ? (large.shift() ?? value) : value);
    const size = wide(directory.readUInt32LE(at + 24));
    const compressedSize = wide(directory.readUInt32LE(at + 20));
    const offset = wide(directory.readUInt32LE(at + 42));
    const flags = directory.readUInt16LE(at + 8);
    yield {
      name: nameOf(directory.subarray(at + 46, nameEnd), (flags & UTF8) !== 0),
      method: directory.readUInt16LE(at + 10),
      encrypted: (flags & 1) !== 0,
      crc: directory.readUInt32LE(at + 16),
      compressedSize,
      size,
      offset,
    };
    at = end;
  }
}

/** The characters of IBM's code page 437 from 0x80 on, in which names are that are not in UTF-8 (APPNOTE, appendix D). */
const CODE_PAGE_437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

/** Several programs write UTF-8 without saying so. */
const nameOf = (bytes: Buffer, utf8: boolean): string =>
  utf8 || isUtf8(bytes)
    ? bytes.toString('utf8')
    : bytes.toString('latin1').replace(/[\x80-\xff]/g, (byte) => CODE_PAGE_437[byte.charCodeAt(0) - 0x80] as string);

/** Reads the 64-bit numbers of the extra field 0x0001. */
function zip64Numbers(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const record = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    return Array.from({ length: Math.floor(record.length / 8) }, (_, i) => u64(record, 8 * i));
  }
  return [];
}

const u64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));
