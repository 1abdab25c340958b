import { strToU8, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { folderOfModel, manifestOf, modelAmong, readVisitorFiles } from '../../web-viewer/src/site/exported-folder.ts';
import { readNpy } from '../../web-viewer/src/site/npy.ts';
import { cardSchema, heldOutOf, parseFile } from '../../web-viewer/src/site/schema.ts';
import { staysInside, unzip } from '../../web-viewer/src/site/zip.ts';
import { card as made, npy } from './card.ts';

const LIMITS = { files: 20, bytes: 1e6 };
const bytes = (text: string) => strToU8(text) as Uint8Array<ArrayBuffer>;
const random = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 2654435761) >>> 24);

describe('unzip', () => {
  test('returns the files of a zip, stored or deflated', () => {
    const files = {
      'a/card.json': strToU8('{"x":1}'.repeat(500)),
      'a/b/w.onnx': random(70_000),
      'c.txt': new Uint8Array(),
    };
    const found = unzip(zipSync({ ...files, 'a/stored': [random(999), { level: 0 }] }), LIMITS);
    expect([...found.keys()].sort()).toEqual(['a/b/w.onnx', 'a/card.json', 'a/stored', 'c.txt']);
    for (const [name, content] of Object.entries(files)) expect(found.get(name)).toEqual(content);
    expect(found.get('a/stored')).toEqual(random(999));
  });

  test.each([
    ['more bytes than allowed, however well compressed', { zeros: new Uint8Array(50e6) }, /more than 1 MB/],
    [
      'more files than allowed',
      Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`f${i}`, bytes('x')])),
      /21|more than 20 files/,
    ],
    ['a path outside of the folder', { '../../card.json': bytes('{}') }, /outside of its folder/],
    ['an absolute path', { '/etc/card.json': bytes('{}') }, /outside of its folder/],
  ])('refuses %s', (_, files, message) => {
    expect(() => unzip(zipSync(files), LIMITS, 'x.zip')).toThrow(message);
  });

  test('unpacks no more than the zip says, also where it understates its size', () => {
    const zip = zipSync({ zeros: new Uint8Array(50e6) });
    const view = new DataView(zip.buffer, zip.byteOffset);
    view.setUint32(22, 10, true); // the size in the local file header
    expect(() => unzip(zip, LIMITS)).toThrow(/more than 1 MB/);
    const list = view.getUint32(zip.length - 6, true);
    view.setUint32(list + 24, 10, true); // and the one in the list of files
    const held = () => [...unzip(zip, LIMITS).values()].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    expect(held()).toBeLessThan(1e6);
  });

  test.each([
    ['bytes that are not a zip', random(5000), /not a zip/],
    ['no bytes', new Uint8Array(), /not a zip/],
    ['a truncated zip', zipSync({ 'w.onnx': random(90_000) }).subarray(0, 2000), /damaged or cut off/],
  ])('refuses %s', (_, zip, message) => {
    expect(() => unzip(zip, LIMITS)).toThrow(message);
  });

  test.each([
    ['a/b.txt', true],
    ['a..b/c', true],
    ['a/../../b', false],
    ['..', false],
    ['/a', false],
    ['C:/a', false],
    ['a\\b', false],
    ['', false],
  ])('the path "%s" stays inside its folder: %s', (path, inside) => expect(staysInside(path)).toBe(inside));
});

describe('reading a visitor’s files', () => {
  test('unpacks each zip into a folder of its name, and counts the bytes read', async () => {
    const zip = zipSync({ 'm/card.json': bytes('{}') });
    let read = 0;
    const files = await readVisitorFiles(
      [
        { path: 'm.zip', file: new Blob([zip as Uint8Array<ArrayBuffer>]) },
        { path: 'x/y.onnx', file: new Blob(['abc']) },
      ],
      (count) => {
        read += count;
      },
    );
    expect([...files.keys()]).toEqual(['m.zip/m/card.json', 'x/y.onnx']);
    expect(read).toBe(zip.length + 3);
  });

  test('refuses too many files before reading any', async () => {
    const many = Array.from({ length: 2001 }, (_, i) => ({ path: `f${i}`, file: new Blob(['x']) }));
    await expect(readVisitorFiles(many)).rejects.toThrow(/2000 files/);
  });
});

describe('the folder of a model', () => {
  test.each([
    [['card.json', 'encoder.onnx'], ''],
    [['m/card.json', 'm/viewer/card.json'], 'm/'],
    [['x.zip/m/card.json', '__MACOSX/m/._card.json'], 'x.zip/m/'],
  ])('among %j is "%s"', (paths, folder) => expect(folderOfModel(paths)).toBe(folder));

  test.each([
    [['encoder.onnx', 'decoder.onnx'], /card.json is missing/],
    [['cat.png'], /no model/],
    [['a/card.json', 'b/card.json'], /2 models \(a, b\)/],
  ])('cannot be found among %j', (paths, message) => expect(() => folderOfModel(paths)).toThrow(message));

  test('gets a manifest made from the files of an export', () => {
    const files = new Map<string, Uint8Array<ArrayBuffer>>([
      ['m/card.json', bytes(JSON.stringify(made()))],
      ['m/encoder.onnx', bytes('e')],
      ['m/decoder.onnx', bytes('dd')],
      ['m/training/metrics.jsonl', bytes('{}')],
      ['m/training/pictures/epoch-002.png', bytes('2')],
      ['m/training/pictures/epoch-001.png', bytes('1')],
      ['m/report/report.html', bytes('<html>')],
    ]);
    const { makeManifest } = modelAmong(files);
    const manifest = makeManifest?.(parseFile(cardSchema, made(), 'card.json'));
    expect(manifest).toMatchObject({
      set: null,
      points: null,
      report: 'report/report.html',
      dimensions: { kl: null, variance: [4, 0.25] },
      training: {
        metrics: 'training/metrics.jsonl',
        pictures: [
          { epoch: 1, file: 'training/pictures/epoch-001.png' },
          { epoch: 2, file: 'training/pictures/epoch-002.png' },
        ],
      },
    });
    expect(manifest?.files['decoder.onnx']).toBe(2);
  });

  test('uses the points that a site has cached in an export, if they are of the same images', () => {
    const card = parseFile(cardSchema, made(), 'card.json');
    const held = heldOutOf(card);
    const points = (fingerprint: string, pixels?: string) =>
      new Map([
        ['viewer/errors.npy', npy([3], [1, 2, 3])],
        ['viewer/latents.npy', npy([3, 2], [1, 2, 3, 4, 5, 6])],
        ['viewer/map.npy', npy([3, 2], [1, 2, 3, 4, 5, 6])],
        [
          'viewer/manifest.json',
          bytes(
            JSON.stringify({
              card: 'c'.repeat(64),
              fingerprint,
              pixels,
              method: 't-SNE',
              perplexity: 30,
              dimensions: { kl: [1, 2], variance: [3, 4] },
            }),
          ),
        ],
      ]);
    const found = manifestOf(points(held.fingerprint), card);
    expect(found.card).toBe('c'.repeat(64));
    expect(found.points).toMatchObject({ count: 3, latents: 'viewer/latents.npy', method: 't-SNE', perplexity: 30 });
    expect(found.dimensions).toEqual({ kl: [1, 2], variance: [3, 4] });
    const other = `sha256:${'0'.repeat(64)}`;
    expect(manifestOf(points(other), card).points).toBeNull();
    // Labels that were corrected after training change one of the two fingerprints.
    const pixels = `sha256:${'f'.repeat(64)}`;
    const test = { ...made().dataset.test, pixels };
    const trained = parseFile(cardSchema, { ...made(), dataset: { ...made().dataset, test } }, 'card.json');
    expect(manifestOf(points(other, pixels), trained).points?.count).toBe(3);
    expect(manifestOf(points(other, other), trained).points).toBeNull();
    expect(readNpy(npy([3], [1, 2, 3]), '<f4', 1, 'x').data).toEqual(Float32Array.of(1, 2, 3));
    expect(readNpy(npy([3], [1, 2, 3]), ['<f8', '<f4'], 1, 'x').data).toEqual(Float32Array.of(1, 2, 3));
  });
});

describe('a card that does not fit', () => {
  const long = Array<number>(20_000).fill(0);
  const statistics = { ...made().latent.statistics, mean: long, std: long, min: long, max: long };
  test.each([
    ['a billion pixels', { image: { height: 1e9, width: 1, channels: 1 } }, /image.height/],
    ['too many pixels in total', { image: { height: 4000, width: 4000, channels: 3 } }, /too large/],
    ['seven channels', { image: { height: 4, width: 4, channels: 7 } }, /image.channels/],
    ['more latent dimensions than a page holds', { latent: { size: long.length, statistics } }, /latent.size/],
    ['more classes than a page holds', { classes: long.map(String) }, /classes/],
    ['statistics of other dimensions', { latent: { ...made().latent, size: 3 } }, /statistics/],
    ['no classes, but a list of them', { classes: [] }, /classes/],
    ['a name as long as a book', { model: { ...made().model, name: 'x'.repeat(5000) } }, /model.name/],
  ])('is refused for %s', (_, part, message) => {
    expect(() => parseFile(cardSchema, { ...made(), ...part }, 'card.json')).toThrow(message);
  });

  test('is accepted otherwise', () => {
    expect(parseFile(cardSchema, made(), 'card.json').latent.size).toBe(2);
  });
});
