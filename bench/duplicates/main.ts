/**
 * How many planted copies `convae duplicates` finds: 500 exact, 500 encoded as JPEG of quality 60 and 500 shifted by up to two pixels,
 * among 18,500 MNIST digits.
 *
 *     node --import tsx bench/duplicates/main.ts EXPORTED
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import sharp from 'sharp';
import { Generator } from '../../pipeline/data/generator.ts';
import { findDuplicates } from '../../pipeline/neighbors/duplicates.ts';
import { mnistInMemory } from '../mnist.ts';

const [exported = 'exported/cae'] = process.argv.slice(2);
const [ORIGINALS, COPIES] = [18_500, 500];
const raw = { height: 28, width: 28, channels: 1 as const };
const { pixels } = await mnistInMemory();
const digit = (i: number) => pixels.subarray(i * 784, (i + 1) * 784);
const generator = Generator.of(0, 'planted copies');
const order = generator.shuffled(ORIGINALS);

/** Shifts an image to the right and down. */
function shifted(image: Uint8Array, right: number, down: number): Uint8Array {
  return image.map((_, at) => {
    const [y, x] = [Math.floor(at / 28) - down, (at % 28) - right];
    return x >= 0 && x < 28 && y >= 0 && y < 28 ? (image[y * 28 + x] ?? 0) : 0;
  });
}

const kinds = {
  exact: async (image: Uint8Array) => image,
  'JPEG 60': async (image: Uint8Array) => {
    const jpeg = await sharp(image, { raw }).jpeg({ quality: 60 }).toBuffer();
    return sharp(jpeg).toColourspace('b-w').raw().toBuffer();
  },
  shifted: async (image: Uint8Array) => {
    const [right = 0, down = 0] = [generator, generator].map((from) => Math.floor(from.uniform() * 5) - 2);
    return shifted(image, right || 1, down);
  },
};
const images = [...Array(ORIGINALS).keys()].map(digit);
const planted = new Map<string, string>();
let at = 0;
for (const [kind, copy] of Object.entries(kinds)) {
  for (let i = 0; i < COPIES; i++, at++) {
    const original = order[at] as number;
    planted.set(`${original} ${images.length}`, kind);
    images.push(await copy(digit(original)));
  }
}

const scratch = await mkdtemp(join(tmpdir(), 'convae-bench-duplicates-'));
try {
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${images.length}, 28, 28), }`;
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
  const data = join(scratch, 'planted.npy');
  await writeFile(data, Buffer.concat([head, Buffer.from(`${text.padEnd(117)}\n`), ...images]));
  const began = performance.now();
  const { pairs } = await findDuplicates({ exported, data, device: 'cpu' });
  const seconds = (performance.now() - began) / 1000;
  const found = new Map(Object.keys(kinds).map((kind) => [kind, 0]));
  let others = 0;
  for (const { first, second } of pairs) {
    const numbers = [first, second].map((id) => Number(id.split('/').at(-1))).sort((a, b) => a - b);
    const kind = planted.get(numbers.join(' '));
    if (kind === undefined) others++;
    else found.set(kind, (found.get(kind) ?? 0) + 1);
  }
  const table = new Table({ head: ['planted', 'found', `of ${COPIES}`], style: { head: [], border: [] } });
  for (const [kind, count] of found) table.push([kind, count, `${((100 * count) / COPIES).toFixed(1)} %`]);
  console.log(`${table.toString()}\nother pairs: ${others}; ${images.length} images in ${seconds.toFixed(0)} s`);
} finally {
  await rm(scratch, { recursive: true });
}
