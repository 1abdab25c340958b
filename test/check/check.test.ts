import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { expect, test } from 'vitest';
import { check } from '../../pipeline/check/check.ts';
import { scratchFolder } from '../data/support.ts';

const scratch = scratchFolder();

test('a file of a subfolder is compared with the list of the folder above', async () => {
  const file = scratch('published/training/notes.bin');
  mkdirSync(scratch('published/training'), { recursive: true });
  const bytes = Buffer.from('as it was written');
  const digest = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(scratch('published/SHA256SUMS'), `${digest}  training/notes.bin\n`);
  writeFileSync(file, bytes);
  for (const path of [file, relative(process.cwd(), file)]) {
    await expect(check(path)).resolves.toEqual({ path, files: 1, bytes: bytes.length, unchecked: [] });
  }
  writeFileSync(scratch('published/training/other.bin'), bytes);
  await expect(check(scratch('published/training/other.bin'))).rejects.toThrow('it has no checksums');
  bytes.writeUInt8(bytes.readUInt8(3) ^ 4, 3);
  writeFileSync(file, bytes);
  await expect(check(file)).rejects.toThrow(`${file}: it is not as SHA256SUMS lists it`);
});
