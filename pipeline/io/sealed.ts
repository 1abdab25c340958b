import { crc32 } from 'node:zlib';

const SEAL = /,"crc":"([0-9a-f]{8})"\}$/;

const sumOf = (text: string): string => crc32(text).toString(16).padStart(8, '0');

/** JSON of an object that is not empty, in one line, and as a last field `crc` the CRC-32 of the JSON without it. */
export function sealed(value: object): string {
  const text = JSON.stringify(value);
  return `${text.slice(0, -1)},"crc":"${sumOf(text)}"}`;
}

/**
 * The JSON without its checksum. What has none, as in files of earlier versions, is returned as it is; a schema without a field
 * `crc` refuses a checksum that is not where it should be.
 * @returns undefined where the checksum is wrong
 */
export function unsealed(text: string): string | undefined {
  const [seal, sum] = SEAL.exec(text) ?? [];
  if (seal === undefined) return text;
  const bare = `${text.slice(0, -seal.length)}}`;
  return sumOf(bare) === sum ? bare : undefined;
}

export const isSealed = (text: string): boolean => SEAL.test(text);
