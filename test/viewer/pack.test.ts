import { inflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { pack, unpack } from '../../web-viewer/src/state/pack.ts';

const bytes = Uint8Array.from({ length: 784 }, (_, i) => (i % 28 < 20 ? 0 : (i * 37) % 256));

test('bytes are packed as deflated base64url', () => {
  const text = pack(bytes);
  expect(text).toMatch(/^[\w-]+$/);
  expect(new Uint8Array(inflateRawSync(Buffer.from(text, 'base64url')))).toEqual(bytes);
  expect(unpack(text, 784)).toEqual(bytes);
});

test.each([
  ['other than base64url', '%%'],
  ['not deflated', 'AAAA'],
  ['empty', ''],
  ['cut off', pack(bytes).slice(0, 40)],
  ['of another length', pack(bytes.subarray(1))],
  ['far longer', pack(new Uint8Array(1e5))],
])('a text that is %s holds nothing', (_, text) => {
  expect(unpack(text, 784)).toBeNull();
});
