import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { expect, test } from 'vitest';
import { locateMnist } from '../../pipeline/data/formats/mnist.ts';
import { contentsOf } from './sources.ts';
import { sum } from './support.ts';

// Expected values: numpy.frombuffer(file, uint8, offset=16).sum(), numpy.bincount(labels), and
// hashlib.sha256(header + labels.astype('<i4').tobytes() + pixels.tobytes()), on the same four files.
test.each([
  {
    part: 'train' as const,
    length: 60000,
    firstLabel: 5,
    lastLabel: 8,
    pixelSum: 1567298545,
    perClass: [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    fingerprint: '97ac9066dfe56f870e3bb61a8cb13935a932adc80b7540a4bba4e6f5470b8b7b',
  },
  {
    part: 'test' as const,
    length: 10000,
    firstLabel: 7,
    lastLabel: 6,
    pixelSum: 264923200,
    perClass: [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    fingerprint: '1ccdd03526abb1edb0cec328811ff78afece43d7debd19b987ac4ec9b35ee708',
  },
])(
  'MNIST $part is what numpy reads',
  async ({ part, length, firstLabel, lastLabel, pixelSum, perClass, fingerprint }) => {
    const { [part]: source, notes } = await locateMnist();
    const { plain } = source ?? {};
    const labels = (plain?.labels ?? []).map(Number);
    expect([source?.name, source?.count, notes]).toEqual([`mnist/${part}`, length, []]);
    expect(plain).toMatchObject({ count: length, shape: { height: 28, width: 28, channels: 1 } });
    expect([labels.length, labels[0], labels.at(-1)]).toEqual([length, firstLabel, lastLabel]);
    expect(source?.classes?.map((_, label) => labels.filter((l) => l === label).length)).toEqual(perClass);
    const pixels = Buffer.alloc(length * 784);
    const file = openSync(plain?.path ?? '', 'r');
    readSync(file, pixels, 0, pixels.length, plain?.offset ?? 0);
    closeSync(file);
    expect(sum(pixels)).toBe(pixelSum);
    const header = `convae images 28x28x1 ${length} labels\n`;
    const hash = createHash('sha256')
      .update(header)
      .update(new Uint8Array(Int32Array.from(labels).buffer))
      .update(pixels);
    expect(hash.digest('hex')).toBe(fingerprint);
  },
);

test('images are read one by one', async () => {
  const { test: source, train } = await locateMnist();
  const { images, ids, labels } = await contentsOf(source);
  expect(images).toHaveLength(10000);
  expect([ids[0], ids[9999], labels[0], labels[9999]]).toEqual(['0', '9999', 7, 6]);
  expect(images[9999]).toMatchObject({ height: 28, width: 28, channels: 1, type: 'uint8' });
  expect(images.reduce((total, { values }) => total + sum(values), 0)).toBe(264923200);
  await train?.close();
});
