import { inflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { pack, unpack } from '../../web-viewer/src/state/pack.ts';

const bytes = Uint8Array.from({ length: 784 }, (_, i) => (i % 28 < 20 ? 0 : (i * 37) % 256));

test('bytes are packed as deflated base64url', async () => {
  const text = await pack(bytes);
  expect(text).toMatch(/^[\w-]+$/);
  expect(new Uint8Array(inflateRawSync(Buffer.from(text, 'base64url')))).toEqual(bytes);
  expect(await unpack(text, 784)).toEqual(bytes);
});

test.each([
  ['other than base64url', '%%'],
  ['not deflated', 'AAAA'],
  ['empty', ''],
  ['cut off', (await pack(bytes)).slice(0, 40)],
  ['of another length', await pack(bytes.slice(1))],
  ['far longer', await pack(new Uint8Array(1e5))],
])('a text that is %s holds nothing', async (_, text) => {
  expect(await unpack(text, 784)).toBeNull();
});
