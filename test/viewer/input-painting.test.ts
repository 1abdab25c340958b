import { describe, expect, test } from 'vitest';
import { dimensionOrder } from '../../web-viewer/src/site/dimensions.ts';
import { model } from '../../web-viewer/src/state/store.ts';
import { type Conventions, fromInk, toInk } from '../../web-viewer/src/views/input/conventions.ts';
import { createDrawing } from '../../web-viewer/src/views/input/drawing.ts';
import { fitAsTrained, fitPicture } from '../../web-viewer/src/views/input/fit.ts';
import { compose, IN_PLACE, type Raster, resample } from '../../web-viewer/src/views/input/raster.ts';
import { shareText, verdict } from '../../web-viewer/src/views/input/verdict.ts';

const mnist: Conventions = { background: [0], ink: [255], centred: true };
const gray = (height: number, width: number, data: readonly number[]): Raster => ({
  height,
  width,
  channels: 1,
  data: Uint8Array.from(data),
});
const rgba = (values: readonly (readonly [number, number, number, number])[]) => Uint8ClampedArray.from(values.flat());

describe('resampling', () => {
  test('to half the size averages four pixels', () => {
    const { data } = resample(gray(2, 4, [0, 100, 10, 20, 200, 100, 30, 40]), { ...IN_PLACE, scale: 0.5 }, 1, 2, [0]);
    expect([...data]).toEqual([100, 25]);
  });

  test('to two thirds of the size splits the middle pixel', () => {
    const { data } = resample(gray(1, 3, [0, 90, 180]), { scale: 2 / 3, x: 0, y: 0 }, 1, 2, [0]);
    // Each target pixel covers one and a half source pixels, but only two thirds of its own height.
    expect([...data]).toEqual([Math.round((30 * 2) / 3), Math.round((150 * 2) / 3)]);
  });

  test('enlarges to blocks, shifts by fractions of a pixel, and fills the outside, for each channel', () => {
    const picture: Raster = { height: 1, width: 1, channels: 3, data: Uint8Array.of(200, 100, 0) };
    expect([...resample(picture, { scale: 2, x: 1, y: 0 }, 1, 4, [1, 2, 3]).data]).toEqual([
      1, 2, 3, 200, 100, 0, 200, 100, 0, 1, 2, 3,
    ]);
    expect([...resample(gray(1, 1, [100]), { scale: 1, x: 0.25, y: 0 }, 1, 2, [0]).data]).toEqual([75, 25]);
  });

  test('is exact for a picture enlarged nine times', () => {
    const data = Uint8Array.from({ length: 49 }, (_, i) => (i * 37) % 256);
    const small = gray(7, 7, [...data]);
    const large = resample(small, { ...IN_PLACE, scale: 9 }, 63, 63, []);
    expect(resample(large, { ...IN_PLACE, scale: 1 / 9 }, 7, 7, []).data).toEqual(data);
  });

  test('composes placements', () => {
    const both = compose({ scale: 2, x: 5, y: 7 }, { scale: 3, x: 1, y: -1 });
    expect(both).toEqual({ scale: 6, x: 7, y: 5 });
  });
});

test('the pen contrasts with the background of the set’s images, unless a colour is chosen', () => {
  const drawing = createDrawing();
  const open = (value: number, channels: 1 | 3) => {
    const shape = { height: 2, width: 2, channels };
    const about = { ...shape, images: 3, sheets: [] };
    const set = { about, has: () => true, pixels: () => new Uint8Array(4 * channels).fill(value) };
    model.value = { card: { image: shape, dataset: { name: 'photos' } }, set } as never;
    return drawing.colour.value;
  };
  expect(open(250, 3)).toEqual([0, 0, 0]);
  expect(open(9, 3)).toEqual([255, 255, 255]);
  drawing.chosenColour.value = [200, 40, 40];
  expect(open(250, 3)).toEqual([200, 40, 40]);
  expect(open(250, 1)).toEqual([0]);
  model.value = null;
});

describe('fitting a picture', () => {
  test('swaps light and dark where the paper is light and the set dark, and keeps the complete picture', () => {
    // Black on white, twice as wide as high, into 4×4: rows of paper above and below.
    const white = [255, 255, 255, 255] as const;
    const black = [0, 0, 0, 255] as const;
    const pixels = Array.from({ length: 32 }, (_, i) => (i >= 9 && i < 15 ? black : white));
    const size = { height: 4, width: 8, channels: 4 };
    const { picture, drawing, inverted } = fitPicture(rgba(pixels), size, { height: 4, width: 4, channels: 1 }, mnist);
    expect(inverted).toBe(true);
    // Row 1 of the source is paper, six black pixels, paper; it is halved and in the second row.
    expect([...picture.data]).toEqual([0, 0, 0, 0, 64, 127, 127, 64, 0, 0, 0, 0, 0, 0, 0, 0]);
    // As a drawing, its strongest ink has the pen's colour.
    expect(Math.max(...(drawing?.data ?? []))).toBe(255);
  });

  test('leaves a picture unchanged that has the size and conventions of the set', () => {
    const values = Array.from({ length: 36 }, (_, i) => (i % 6 === 0 || i % 6 === 5 || i < 6 || i > 29 ? 0 : 7 * i));
    const pixels = values.map((value) => [value, value, value, 255] as const);
    const size = { height: 6, width: 6, channels: 4 };
    const { picture, drawing, inverted } = fitPicture(rgba(pixels), size, { height: 6, width: 6, channels: 1 }, mnist);
    expect(inverted).toBe(false);
    expect([...picture.data]).toEqual(values);
    expect(drawing?.data).toEqual(picture.data);
  });

  test('removes gray paper from a drawing, but not from the picture', () => {
    const pixels = Array.from({ length: 25 }, (_, i) => (i === 12 ? 60 : 190)).map((v) => [v, v, v, 255] as const);
    const size = { height: 5, width: 5, channels: 4 };
    const { picture, drawing } = fitPicture(rgba(pixels), size, { height: 5, width: 5, channels: 1 }, mnist);
    expect(picture.data[0]).toBe(65);
    expect(drawing?.data[0]).toBe(0);
    expect(drawing?.data[12]).toBe(255);
  });

  test('composites a transparent picture over white, or over black where it is light', () => {
    const size = { height: 3, width: 3, channels: 4 };
    const frame = { height: 3, width: 3, channels: 1 };
    for (const ink of [0, 255]) {
      const pixels = Array.from({ length: 9 }, (_, i) => [ink, ink, ink, i === 4 ? 255 : 0] as const);
      const { picture } = fitPicture(rgba(pixels), size, frame, mnist);
      expect([...picture.data]).toEqual([0, 0, 0, 0, 255, 0, 0, 0, 0]);
    }
  });

  test('keeps colours for models of colour images, surrounded by the border’s colour', () => {
    const size = { height: 1, width: 2, channels: 4 };
    const frame = { height: 2, width: 2, channels: 3 };
    const red = [250, 10, 20, 255] as const;
    const { picture, drawing } = fitPicture(rgba([red, red]), size, frame, {
      background: [0, 0, 0],
      ink: [255, 255, 255],
      centred: false,
    });
    expect([...picture.data]).toEqual([...red.slice(0, 3), ...red.slice(0, 3), ...red.slice(0, 3), ...red.slice(0, 3)]);
    expect(drawing).toBeNull();
  });

  describe('as the training images were', () => {
    const red = [250, 0, 0, 255] as const;
    const blue = [0, 0, 250, 255] as const;
    const clear = [0, 255, 0, 0] as const;
    const trained = { height: 4, width: 4, channels: 3, background: '#0a141e', scalings: [] };
    const paper = [10, 20, 30];
    /** Pixels of the model's image, `[row][column]`. */
    const fitted = (
      pixels: Parameters<typeof rgba>[0],
      size: { height: number; width: number },
      fit: 'cover' | 'contain' | 'stretch',
      { channels = 3, scale = 1 } = {},
    ) => {
      const frame = { height: 4 * scale, width: 4 * scale, channels };
      const { picture } = fitAsTrained(rgba(pixels), { ...size, channels: 4 }, frame, { ...trained, channels, fit });
      expect(picture).toMatchObject(frame);
      const at = (y: number, x: number) => {
        const from = ((y * scale + (scale >> 1)) * frame.width + x * scale + (scale >> 1)) * channels;
        return [...picture.data.subarray(from, from + channels)];
      };
      return [0, 1, 2, 3].map((y) => [0, 1, 2, 3].map((x) => at(y, x)));
    };
    const [r, b] = [red.slice(0, 3), blue.slice(0, 3)];

    test('contained on the background, in whole pixels of the model', () => {
      // 8×4 becomes 4×2, one row down; transparent pixels show the background.
      const pixels = Array.from({ length: 32 }, (_, i) => (i % 8 < 4 ? red : clear));
      for (const scale of [1, 3]) {
        const rows = fitted(pixels, { height: 4, width: 8 }, 'contain', { scale });
        const inside = [r, r, paper, paper];
        expect(rows).toEqual([Array(4).fill(paper), inside, inside, Array(4).fill(paper)]);
      }
      // 3×8 becomes 2×4 (1.5 rounded up), one column in.
      const narrow = fitted(Array(24).fill(red), { height: 8, width: 3 }, 'contain');
      expect(narrow).toEqual(Array(4).fill([paper, r, r, paper]));
    });

    test('covering the image, and stretched', () => {
      const pixels = Array.from({ length: 32 }, (_, i) => (i % 8 < 4 ? red : blue));
      const size = { height: 4, width: 8 };
      expect(fitted(pixels, size, 'cover')).toEqual(Array(4).fill([r, r, b, b]));
      const thirds = Array.from({ length: 32 }, (_, i) => (i % 8 < 2 ? red : blue)); // the red is cut off
      expect(fitted(thirds, size, 'cover')).toEqual(Array(4).fill([b, b, b, b]));
      expect(fitted(thirds, size, 'stretch')).toEqual(Array(4).fill([r, b, b, b]));
    });

    test('gray by luma, without swapping light and dark', () => {
      const luma = Math.round(0.299 * 250);
      const paperLuma = Math.round(0.299 * 10 + 0.587 * 20 + 0.114 * 30);
      const rows = fitted(Array(8).fill(red), { height: 2, width: 4 }, 'contain', { channels: 1 });
      expect(rows.map(([first]) => first)).toEqual([[paperLuma], [luma], [luma], [paperLuma]]);
    });
  });

  test('measures ink as light on dark or dark on light', () => {
    const dark: Conventions = { background: [240], ink: [0], centred: true };
    const ink = toInk(gray(1, 3, [240, 120, 0]), dark);
    expect([...ink.data]).toEqual([0, 128, 255]);
    expect([...fromInk(ink, dark).data]).toEqual([240, 120, 0]);
  });
});

describe('the result of an input image', () => {
  test('lists the most informative dimensions first', () => {
    expect(dimensionOrder({ kl: [0.1, 3, 2], variance: [9, 1, 1] }, 3)).toEqual([1, 2, 0]);
    expect(dimensionOrder({ kl: null, variance: [1, 1, 2] }, 3)).toEqual([2, 0, 1]);
  });

  test('rounds only a complete share to 100 %', () => {
    expect(shareText(0.99999)).toBe('99.9 %');
    expect(shareText(1)).toBe('100 %');
    expect(shareText(0.29)).toBe('29 %');
    expect(verdict(1, 10000, 'test images').text).toContain('all 10,000 test images');
    expect(verdict(0.991, 10000, 'test images').text).toBe(
      'Unlike 99.1 % of the test images: the model has hardly seen images like this.',
    );
    expect(verdict(0.95, 10000, 'test images').word).toBe('unusual');
    expect(verdict(0.2, 10000, 'test images').text).toContain('better than 80 %');
  });
});
