import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImageDataset } from '../../pipeline/data/dataset.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { centre, centreOfMass, inkBox } from '../../web-viewer/src/views/input/centre.ts';
import { conventionsOf } from '../../web-viewer/src/views/input/conventions.ts';
import { frameOf } from '../../web-viewer/src/views/input/frame-of.ts';
import type { Raster } from '../../web-viewer/src/views/input/raster.ts';

const digit = (data: Uint8Array): Raster => ({ height: 28, width: 28, channels: 1, data });

/** A picture with filled rectangles `[left, top, right, bottom]`. */
function rectangles(size: number, ...all: readonly (readonly [number, number, number, number])[]): Raster {
  const data = new Uint8Array(size * size);
  for (const [left, top, right, bottom] of all) {
    for (let y = top; y < bottom; y++) data.fill(255, y * size + left, y * size + right);
  }
  return { height: size, width: size, channels: 1, data };
}

describe('centring', () => {
  test('turns a 40×10 bar in 112×112 into 20×5 in 28×28, with its centre of mass at pixel 14', () => {
    const { picture, placement } = centre(rectangles(112, [60, 90, 100, 100]), 28, 28);
    expect(placement.scale).toBe(0.5);
    // 20 columns whose mean index is 14 or half a pixel less; five rows whose middle one is 14.
    expect(inkBox(picture)).toEqual({ left: 4, top: 12, right: 24, bottom: 17 });
    expect(centreOfMass(picture)).toEqual({ x: 13.5, y: 14 });
    expect(picture.data.reduce((a, b) => a + b, 0)).toBe(20 * 5 * 255);
  });

  test('centres an L by its centre of mass, not its bounding box', () => {
    // A 40×10 foot and a 10×30 stem above its left end; half the size is 20×5 and 5×15.
    const { picture } = centre(rectangles(112, [30, 60, 70, 70], [30, 30, 40, 60]), 28, 28);
    const box = inkBox(picture);
    // Indices in the box: foot (9.5, 17), mass 100; stem (2, 7), mass 75; together (6.286, 12.714), shifted by integers.
    expect(box).toEqual({ left: 8, top: 1, right: 28, bottom: 21 });
    const mass = centreOfMass(picture);
    expect(mass?.x).toBeCloseTo(8 + 6.2857, 3);
    expect(mass?.y).toBeCloseTo(1 + 12.7143, 3);
  });

  test('blends half-covered pixels', () => {
    // Width 21 means scale 20/21: the outline falls between pixels, and the amount of ink is preserved.
    const { picture, placement } = centre(rectangles(42, [10, 10, 31, 12]), 28, 28);
    expect(placement.scale).toBeCloseTo(20 / 21, 12);
    const mass = picture.data.reduce((a, b) => a + b, 0) / 255;
    expect(mass).toBeCloseTo(21 * 2 * (20 / 21) ** 2, 1);
    expect(picture.data.some((value) => value > 100 && value < 250)).toBe(true);
  });

  test('keeps the bounding box in the frame where the mass is far from its middle', () => {
    const heavy = rectangles(112, [0, 0, 112, 2], [100, 0, 112, 112]);
    const { picture } = centre(heavy, 28, 28);
    const sum = picture.data.reduce((a, b) => a + b, 0) / 255;
    const ink = heavy.data.reduce((a, b) => a + b, 0) / 255;
    expect(sum).toBeCloseTo(ink * (20 / 112) ** 2, 0);
  });

  test('does not enlarge a dot to a disc, and leaves an empty canvas empty', () => {
    const dot = inkBox(centre(rectangles(252, [10, 10, 20, 20]), 28, 28).picture);
    expect((dot?.right ?? 0) - (dot?.left ?? 0)).toBeLessThanOrEqual(5);
    expect(centre(rectangles(252), 28, 28).picture.data.every((value) => value === 0)).toBe(true);
  });

  test('fits 20/28 of the side of other sizes', () => {
    const { picture } = centre(rectangles(100, [20, 20, 80, 80]), 56, 56);
    expect(inkBox(picture)).toEqual({ left: 8, top: 8, right: 48, bottom: 48 });
  });
});

describe('centring MNIST digits, which are centred already', () => {
  let set: ImageDataset;
  let images: Raster[];
  beforeAll(async () => {
    set = await openSplit('mnist', 'test');
    const rows = Array.from({ length: 200 }, (_, i) => 47 * i);
    const pixels = new Uint8Array(784 * rows.length);
    await set.read(rows, pixels);
    images = Array.from(rows, (_, i) => digit(pixels.slice(784 * i, 784 * (i + 1))));
  });
  afterAll(() => set.close());

  test('leaves 200 images nearly unchanged, also at nine times their size', () => {
    for (const scale of [1, 9]) {
      let [difference, same] = [0, 0];
      for (const image of images) {
        const { picture } = centre(enlarged(image, scale), 28, 28);
        const mass = centreOfMass(picture);
        expect(Math.abs((mass?.x ?? 0) - 14)).toBeLessThan(0.6);
        expect(Math.abs((mass?.y ?? 0) - 14)).toBeLessThan(0.6);
        let sum = 0;
        for (let i = 0; i < 784; i++) sum += Math.abs((picture.data[i] as number) - (image.data[i] as number));
        difference += sum / 784;
        if (sum === 0) same++;
      }
      expect(difference / images.length).toBeLessThan(0.5);
      expect(same).toBeGreaterThan(190);
    }
  });

  test('restores digits that were shifted and enlarged three times', () => {
    for (const image of images.slice(0, 20)) {
      const large = enlarged(image, 3);
      const moved = new Uint8Array(112 * 112);
      for (let y = 0; y < 84; y++) moved.set(large.data.subarray(84 * y, 84 * (y + 1)), 112 * (y + 25) + 7);
      const { picture } = centre({ height: 112, width: 112, channels: 1, data: moved }, 28, 28);
      let sum = 0;
      for (let i = 0; i < 784; i++) sum += Math.abs((picture.data[i] as number) - (image.data[i] as number));
      expect(sum / 784).toBeLessThan(1);
    }
  });

  test('derives the conventions from the images: light ink on black, centred', () => {
    const pixels = images.map(({ data }) => data);
    expect(conventionsOf({ height: 28, width: 28, channels: 1 }, pixels)).toEqual({
      background: [0],
      ink: [255],
      centred: true,
    });
    const inverted = pixels.map((data) => data.map((value) => 255 - value));
    expect(conventionsOf({ height: 28, width: 28, channels: 1 }, inverted)).toEqual({
      background: [255],
      ink: [0],
      centred: true,
    });
    const shifted = pixels.map((data) => Uint8Array.from(data, (_, i) => data[i + 2] ?? 0));
    expect(conventionsOf({ height: 28, width: 28, channels: 1 }, shifted).centred).toBe(false);
  });

  test('are those of the images that have been read, where a set is large, and ask for no others than the first sheet', () => {
    const shape = { height: 2, width: 2, channels: 3 };
    const sheets = Array.from({ length: 9 }, (_, i) => ({ file: `${i}.png`, first: 10 * i, count: 10, columns: 10 }));
    const asked: number[] = [];
    const set = {
      about: { ...shape, images: 90, sheets },
      has: (row: number) => row === 0,
      pixels: (row: number) => {
        asked.push(row);
        return new Uint8Array(12).fill(row === 0 ? 255 : 0);
      },
    };
    const model = { card: { image: shape, dataset: { name: 'photos' } }, set } as never;
    expect(frameOf(model).conventions.background).toEqual([255, 255, 255]);
    expect(Math.max(...asked)).toBe(9);
  });
});

function enlarged({ height, width, data }: Raster, times: number): Raster {
  const size = { height: times * height, width: times * width };
  const large = new Uint8Array(size.height * size.width);
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      large[y * size.width + x] = data[Math.floor(y / times) * width + Math.floor(x / times)] as number;
    }
  }
  return { ...size, channels: 1, data: large };
}
