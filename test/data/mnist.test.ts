import { expect, test } from 'vitest';
import { openMnist } from '../../pipeline/data/mnist.ts';
import { pixelsOf, sum } from './support.ts';

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
    fingerprint: 'sha256:97ac9066dfe56f870e3bb61a8cb13935a932adc80b7540a4bba4e6f5470b8b7b',
  },
  {
    part: 'test' as const,
    length: 10000,
    firstLabel: 7,
    lastLabel: 6,
    pixelSum: 264923200,
    perClass: [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    fingerprint: 'sha256:1ccdd03526abb1edb0cec328811ff78afece43d7debd19b987ac4ec9b35ee708',
  },
])(
  'MNIST $part is what numpy reads',
  async ({ part, length, firstLabel, lastLabel, pixelSum, perClass, fingerprint }) => {
    const mnist = await openMnist(part);
    const labels = mnist.labels ?? new Int32Array();
    expect(mnist.name).toBe(`mnist/${part}`);
    expect(mnist.shape).toEqual({ height: 28, width: 28, channels: 1 });
    expect([mnist.length, labels.length, labels[0], labels.at(-1)]).toEqual([length, length, firstLabel, lastLabel]);
    expect(mnist.classes?.map((_, label) => labels.filter((l) => l === label).length)).toEqual(perClass);
    expect(sum(await pixelsOf(mnist))).toBe(pixelSum);
    expect(await mnist.fingerprint()).toBe(fingerprint);
    await mnist.close();
  },
);

test('images are read in the requested order', async () => {
  const mnist = await openMnist('train');
  const indices = [59999, 0, 12345, 12346, 12347, 7];
  const pixels = new Uint8Array(indices.length * 784);
  await mnist.read(indices, pixels);
  const sums = indices.map((_, i) => sum(pixels.subarray(i * 784, (i + 1) * 784)));
  expect(sums).toEqual([20920, 27525, 38308, 26662, 19742, 35867]); // numpy, as above
  expect(indices.map((i) => mnist.labels?.[i])).toEqual([8, 5, 3, 3, 5, 3]);
  expect(indices.map(mnist.id)).toEqual(indices.map(String));
  await mnist.close();
});

test('a missing image and a target that is too small are RangeErrors', async () => {
  const mnist = await openMnist('test');
  await expect(mnist.read([10000], new Uint8Array(784))).rejects.toThrow(RangeError);
  await expect(mnist.read([-1], new Uint8Array(784))).rejects.toThrow(RangeError);
  await expect(mnist.read([0, 1], new Uint8Array(784))).rejects.toThrow(RangeError);
  await mnist.close();
});
