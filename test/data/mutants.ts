import fc from 'fast-check';

/** A change of some bytes. Places are shares of the length, more of them near the beginning, where headers are. */
type Edit =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'write' | 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'remove' | 'repeat'; readonly at: number; readonly count: number };

const place = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }).map((share) => share ** 4),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 0, max: 1, noNaN: true }).map((share) => 1 - share ** 4), // lists at the end: zip, Parquet
);

/** Numbers that readers take for sizes and positions. */
const numbers = [
  ...[[0], [1], [0x7f], [0x80], [0xff], [0xff, 0xff], [0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0x7f]],
  ...[[0x7f, 0xff, 0xff, 0xff], [0, 0, 0, 0x80], [0x80, 0, 0, 0], Array<number>(8).fill(0xff)],
  ...[[0, 0, 0, 0, 0, 0, 0, 0x80], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], [...Buffer.from('\n,')]],
].map((bytes) => Uint8Array.from(bytes));
const bytes = fc.oneof(fc.constantFrom(...numbers), fc.uint8Array({ minLength: 1, maxLength: 12 }));
const count = fc.integer({ min: 1, max: 64 });

const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('flip'), at: place, bit: fc.integer({ min: 0, max: 7 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write'), at: place, bytes }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('insert'), at: place, bytes }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut'), at: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('remove', 'repeat'), at: place, count }) },
);

/** One to four changes, one after another. */
export const edits = fc.array(edit, { minLength: 1, maxLength: 4 });

/** The bytes with the changes. */
export function mutant(original: Uint8Array, changes: readonly Edit[]): Buffer {
  let bytes = Buffer.from(original);
  for (const change of changes) {
    const at = Math.floor(change.at * bytes.length);
    const end = 'count' in change ? at + change.count : at;
    if (change.kind === 'flip') bytes[at] = (bytes[at] ?? 0) ^ (1 << change.bit);
    else if (change.kind === 'write') bytes.set(change.bytes.subarray(0, bytes.length - at), at);
    else if (change.kind === 'cut') bytes = bytes.subarray(0, at);
    else if (change.kind === 'insert') bytes = Buffer.concat([bytes.subarray(0, at), change.bytes, bytes.subarray(at)]);
    else if (change.kind === 'remove') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    else bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
  }
  return bytes;
}
