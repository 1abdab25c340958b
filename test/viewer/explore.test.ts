import { afterEach, expect, test, vi } from 'vitest';
import type { FileSource } from '../../web-viewer/src/site/files.ts';
import { loadImageSet } from '../../web-viewer/src/site/image-set.ts';
import { alsoAfterAwaited, showRow, startExploring } from '../../web-viewer/src/state/explore.ts';
import { currentLatent, engine, input, label, model } from '../../web-viewer/src/state/store.ts';
import { createWalk } from '../../web-viewer/src/state/walk.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  model.value = null;
  engine.value = null;
  input.value = null;
});

test('what a link says of a row that has not been read is void once another row is shown', () => {
  const open = (read: readonly number[]) => {
    const set = {
      about: { images: 10 },
      has: (row: number) => read.includes(row),
      pixels: () => new Uint8Array(1),
      label: (row: number) => row,
      ready: async () => undefined,
    };
    model.value = { set, points: null, card: { latent: { size: 2 } } } as never;
  };
  open([1]);
  const end = startExploring();
  const chooses = (index: number) => () => {
    label.value = index;
  };
  showRow(5);
  alsoAfterAwaited(chooses(3));
  showRow(1);
  expect(label.value).toBe(1);
  showRow(6);
  open([1, 5, 6]);
  expect([input.value?.row, label.value]).toEqual([6, 6]);

  // Another row may be awaited in between, too.
  showRow(7);
  alsoAfterAwaited(chooses(3));
  showRow(8);
  alsoAfterAwaited(chooses(4));
  open([7, 8]);
  expect([input.value?.row, label.value]).toEqual([8, 4]);
  end();
});

test('the walk of a conditional model stays within the class once it is known', () => {
  const listener = { addEventListener: () => undefined };
  vi.stubGlobal('window', listener);
  vi.stubGlobal('document', { ...listener, hidden: false });
  vi.stubGlobal('matchMedia', () => ({ ...listener, matches: false }));
  let next: (now: number) => void = () => undefined;
  vi.stubGlobal('requestAnimationFrame', (frame: typeof next) => {
    next = frame;
  });
  vi.stubGlobal('performance', { now: () => 0 });
  const labels = Int32Array.from({ length: 60 }, (_, row) => row % 3);
  // The latent of an image is its class.
  const points = { count: 60, latents: Float32Array.from(labels) };
  const opened = { source: {}, card: { latent: { size: 1 }, conditional: { decoder: true } }, points, set: null };
  model.value = opened as never;
  engine.value = {} as never;
  label.value = 0;
  createWalk().start(opened as never);
  let now = 0;
  const walk = () =>
    Array.from({ length: 100 }, () => {
      now += 100;
      next(now);
      return currentLatent.value?.[0];
    });
  expect(Math.max(...walk().map(Number))).toBe(2);
  model.value = { ...opened, set: { labels } } as never;
  expect(new Set(walk())).toEqual(new Set([0]));
});

test('of a large set the images that were asked for are kept, and some of its sheets', async () => {
  // 20 sheets of two columns and two rows of gray images of 1024×2048: 8 MiB each, 160 in all.
  const [height, width] = [1024, 2048];
  const sheets = Array.from({ length: 20 }, (_, i) => ({ file: `${i}.png`, first: 4 * i, count: 4, columns: 2 }));
  let number = 0;
  vi.stubGlobal('createImageBitmap', async (blob: Blob) => {
    number = Number(await blob.text());
    return { width: 2 * width, height: 2 * height, close() {} };
  });
  vi.stubGlobal(
    'OffscreenCanvas',
    class {
      getContext() {
        let top = 0;
        return {
          drawImage(_: unknown, __: number, y: number) {
            top = -y;
          },
          getImageData(_: number, __: number, wide: number, high: number) {
            // The lower right image of a sheet has the sheet's number in each pixel.
            const data = new Uint32Array(wide * high);
            for (let y = Math.max(0, height - top); y < high; y++) data.fill(number, y * wide + width, (y + 1) * wide);
            return { data: new Uint8ClampedArray(data.buffer) };
          },
        };
      }
    },
  );
  const asked: string[] = [];
  const about = { format: 1, name: 'large', split: 'test', images: 80, height, width, channels: 1 };
  const text = JSON.stringify({ ...about, classes: null, colours: null, labels: null, ids: null, sheets });
  const source: FileSource = {
    async read(path) {
      asked.push(path);
      return new TextEncoder().encode(path === 'set.json' ? text : path.replace('.png', ''));
    },
    url: String,
    at: () => source,
  };
  const set = await loadImageSet(source, { expect() {}, add() {}, addMore() {} });
  const rows = sheets.map(({ first }) => first + 3);
  expect((await set.ready(rows)).map(([first]) => first)).toEqual(rows.map((_, i) => i));
  expect(asked.length).toBe(21);
  for (const [i, row] of rows.entries()) {
    expect(set.has(row)).toBe(true);
    expect([set.pixels(row).length, set.pixels(row)[0], set.pixels(row).at(-1)]).toEqual([height * width, i, i]);
  }
  const [first, last] = [sheets[0]?.first ?? -1, sheets.at(-1)?.first ?? -1];
  expect([set.has(first), set.has(last)]).toEqual([false, true]);
  // It is read again.
  await set.ready([first]);
  expect([set.has(first), asked.length]).toEqual([true, 22]);
});
