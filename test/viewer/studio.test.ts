import { describe, expect, test } from 'vitest';
import { packRows, unpackRows } from '../../web-viewer/src/state/pack.ts';
import { sheet } from '../../web-viewer/src/ui/sheet.ts';
import {
  atTemperature,
  centreOf,
  firstColumns,
  repeated,
  toggleColumn,
} from '../../web-viewer/src/views/studio/latents.ts';

type Card = Parameters<typeof centreOf>[0];

const card = {
  model: { name: 'a', summary: '', error: 'binary cross-entropy', variational: true },
  image: { height: 28, width: 28, channels: 1 },
  latent: { size: 2, statistics: { images: 1, mean: [3, -1], std: [1, 1], min: [0, 0], max: [1, 1] } },
  classes: ['x', 'y'],
  conditional: { encoder: true, decoder: true },
} as unknown as Card;

describe('latents', () => {
  test('keep their centre at any temperature', () => {
    const latents = Float32Array.of(5, 1, 1, -3);
    expect([...atTemperature(latents, [3, -1], 0)]).toEqual([3, -1, 3, -1]);
    expect([...atTemperature(latents, [3, -1], 1)]).toEqual([5, 1, 1, -3]);
    expect([...atTemperature(latents, [3, -1], 1.5)]).toEqual([6, 2, 0, -4]);
    expect(centreOf(card)).toEqual([0, 0]);
    expect(centreOf({ ...card, model: { ...card.model, variational: false } })).toEqual([3, -1]);
  });

  test('are repeated', () => {
    expect([...repeated(Float32Array.of(1, 2), 3)]).toEqual([1, 2, 1, 2, 1, 2]);
  });
});

describe('groups of images', () => {
  test('fit in a link, whatever their size', async () => {
    for (const [count, every] of [
      [9, 2],
      [70_000, 3],
      [70_000, 1],
      [500_000, 1000],
    ] as const) {
      const rows = Array.from({ length: Math.ceil(count / every) }, (_, i) => i * every);
      const text = await packRows(rows, count);
      expect(await unpackRows(text, count)).toEqual(rows);
      expect(text).toMatch(/^[\w-]+$/);
      expect(await unpackRows(text, count + 8)).toEqual([]);
    }
    const scattered = Array.from({ length: 70_000 }, (_, row) => row).filter((row) => (row * 7919) % 13 < 5);
    expect((await packRows(scattered, 70_000)).length).toBeLessThan(12_000);
    for (const text of ['', 'x', '!', 'AAAA']) expect(await unpackRows(text, 100)).toEqual([]);
  });
});

describe('columns', () => {
  test('are at least one and at most ten, in order', () => {
    expect(firstColumns(3)).toEqual([0, 1, 2]);
    expect(firstColumns(26)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(toggleColumn(firstColumns(26), 20)).toEqual(firstColumns(26));
    expect(toggleColumn([0, 5, 7], 6)).toEqual([0, 5, 6, 7]);
    expect(toggleColumn([0, 5], 0)).toEqual([5]);
    expect(toggleColumn([5], 5)).toEqual([5]);
  });
});

describe('a sheet of images', () => {
  const at = ({ data, width }: ReturnType<typeof sheet>, x: number, y: number) => [
    ...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4),
  ];

  test('enlarges each pixel to a square, with white between the images', () => {
    const shape = { height: 1, width: 2, channels: 3 };
    // Two rows of two images, with a different value for each image, pixel and channel.
    const image = (first: number) => Float32Array.from({ length: 6 }, (_, i) => (first + i) / 255);
    const made = sheet([10, 16, 100, 106].map(image), 2, shape, { scale: 4, gap: 8, edge: 8 });
    expect([made.width, made.height]).toEqual([8 + 2 * (8 + 8), 8 + 2 * (4 + 8)]);
    expect(at(made, 7, 8)).toEqual([255, 255, 255, 255]);
    expect(at(made, 8, 8)).toEqual([10, 11, 12, 255]);
    expect(at(made, 11, 11)).toEqual([10, 11, 12, 255]);
    expect(at(made, 12, 8)).toEqual([13, 14, 15, 255]);
    expect(at(made, 16, 8)).toEqual([255, 255, 255, 255]);
    expect(at(made, 24, 8)).toEqual([16, 17, 18, 255]);
    expect(at(made, 8, 20)).toEqual([100, 101, 102, 255]);
    expect(at(made, 31, 23)).toEqual([109, 110, 111, 255]);
  });

  test('shows one channel as gray, and clamps values', () => {
    const made = sheet([Float32Array.of(0.5, 1.2)], 1, { height: 2, width: 1, channels: 1 });
    expect([...made.data]).toEqual([128, 128, 128, 255, 255, 255, 255, 255]);
  });
});
