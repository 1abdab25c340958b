import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decode } from '../../pipeline/data/decode.ts';
import { locateData } from '../../pipeline/data/formats.ts';
import type { ImageSource } from '../../pipeline/data/image-source.ts';
import type { DataOptions } from '../../pipeline/data/options.ts';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { pngBytes, tiffBytes } from './images.ts';
import { entriesOf } from './sources.ts';
import { expectFacts, inputErrorOf, openFiles, scratchFolder } from './support.ts';

const path = scratchFolder();

function save(file: string, bytes: Uint8Array | string): string {
  mkdirSync(dirname(path(file)), { recursive: true });
  writeFileSync(path(file), bytes);
  return path(file);
}

/** A gray PNG of one pixel. */
const png = (file: string, level = 0) => save(file, pngBytes(1, 1, 8, 0, [level]));
/** A TIFF with a page for each level. */
const tiff = (...levels: number[]) =>
  tiffBytes(
    levels.map((level) => ({ width: 1, height: 1, bits: 8, sampleFormat: 1, data: Uint8Array.of(level), tags: {} })),
  );

/** Id, label and first number of each image. */
async function rowsOf(source: ImageSource | undefined): Promise<unknown[]> {
  const rows = [];
  for await (const { id, label, where, read } of source?.entries() ?? []) {
    const image = await read();
    const { values } = 'values' in image ? image : await decode(image, where);
    rows.push([id, label, values[0]]);
  }
  return rows;
}

const locate = (file: string, options?: DataOptions) => locateData(path(file), options);

describe('a folder', () => {
  test('subfolders are classes in natural order; images in none are unlabelled; the rest is counted', async () => {
    const files = ['10/a.png', '2/deep/er/1.png', '2/b.PNG', 'ä/1.png', 'loose.png', '2/a.png'];
    for (const [level, file] of files.entries()) png(`classes/${file}`, level);
    png('inet/ILSVRC/Data/CLS-LOC/train/n1/1.png');
    save('inet/LOC_train_solution.csv', 'ImageId,PredictionString\nn1/1,n1 1 2 3 4\n');
    expect((await locate('inet')).all?.classes).toEqual(['n1']);
    for (const hidden of ['.hidden/1.png', '2/.hidden.png', '__MACOSX/1.png', '2/@eaDir/2.png/SYNO_THUMB_M.jpg'])
      save(`classes/${hidden}`, 'no image');
    for (const other of ['readme.txt', '2/labels.csv', 'empty/x', 'z']) save(`classes/${other}`, 'no image');
    const { all, notes } = await locate('classes');
    expect([all?.name, all?.count, all?.classes]).toEqual([path('classes'), 6, ['2', '10', 'ä']]);
    expect(await rowsOf(all)).toEqual([
      ['10/a.png', '10', 0],
      ['2/a.png', '2', 5],
      ['2/b.PNG', '2', 2],
      ['2/deep/er/1.png', '2', 1],
      ['loose.png', undefined, 4],
      ['ä/1.png', 'ä', 3],
    ]);
    expect(notes[0]).toBe('4 files that are no images: 2/labels.csv, empty/x, readme.txt, …');
    expectFacts(notes[1] ?? '', `--data ${path('classes/2/labels.csv')}`);
  });

  test('splits', async () => {
    png('splits/Training_set/b/1.png', 1);
    png('splits/test/a/2.png', 2);
    png('splits/valid/b/3.png', 3);
    const { train, val, test: testing, all, notes } = await locate('splits');
    expect([train, val, testing].map((part) => part?.classes)).toEqual(Array(3).fill(['a', 'b']));
    expect(await rowsOf(train)).toEqual([['b/1.png', 'b', 1]]);
    expect(await rowsOf(val)).toEqual([['b/3.png', 'b', 3]]);
    expect(await rowsOf(testing)).toEqual([['a/2.png', 'a', 2]]);
    expect([all, notes, train?.name]).toEqual([undefined, [], `${path('splits')}/train`]);
  });

  test('the order is that of whole paths, however many there are', async () => {
    const names = Array.from(
      { length: 3000 },
      (_, i) => `${'a-b/c é'[i % 7]?.replace('/', 'x/')}${(i * 7919) % 3000}.png`,
    );
    for (const name of [...names, 'a/1.png', 'a-/1.png', 'a.b/1.png', 'ab/1.png', 'a.png']) png(`order/${name}`);
    const { all } = await locate('order');
    const ids = (await entriesOf(all)).map(({ id }) => id);
    const expected = [...new Set([...names, 'a/1.png', 'a-/1.png', 'a.b/1.png', 'ab/1.png', 'a.png'])].sort();
    expect([all?.count, ids]).toEqual([expected.length, expected]);
  });

  test('links are followed, even circular ones', async () => {
    png('circle/class/1.png', 1);
    png('elsewhere/x.png', 2);
    symlinkSync(path('elsewhere'), path('circle/linked'));
    symlinkSync(path('elsewhere/x.png'), path('circle/class/2.png'));
    symlinkSync(path('circle'), path('circle/class/round'));
    expect(await rowsOf((await locate('circle')).all)).toEqual([
      ['class/1.png', 'class', 1],
      ['class/2.png', 'class', 2],
      ['linked/x.png', 'linked', 2],
    ]);
  });

  test('pages of a TIFF are images', async () => {
    save('stacks/a/1.tif', tiff(1, 2));
    save('stacks/b/2.tiff', tiff(3));
    const { all } = await locate('stacks');
    expect(all?.count).toBeUndefined();
    expect(await rowsOf(all)).toEqual([
      ['a/1.tif#0', 'a', 1],
      ['a/1.tif#1', 'a', 2],
      ['b/2.tiff', 'b', 3],
    ]);
  });

  test('its stamp changes with a file', async () => {
    png('stamp/1.png', 1);
    const stamp = async () => (await locate('stamp')).all?.stamp();
    const before = await stamp();
    expect(await stamp()).toBe(before);
    png('stamp/2.png', 1);
    const more = await stamp();
    save('stamp/2.png', pngBytes(2, 1, 8, 0, [1, 1]));
    expect(new Set([before, more, await stamp()]).size).toBe(3);
  });

  test('no images, broken links, splits beside classes', async () => {
    save('none/a.txt', 'text');
    expectFacts(await inputErrorOf(locate('none')), `${path('none')}: `, 'no images', 'a.txt', 'png', 'bmp');
    save('none/sub/b', pngBytes(1, 1, 8, 0, [1]));
    expectFacts(await inputErrorOf(locate('none')), 'sub/b.png');
    png('parts/train/a/1.png');
    for (const folder of ['parts/val', 'parts/x/y']) mkdirSync(path(folder), { recursive: true });
    expectFacts((await locate('parts')).notes.join(), 'train/', 'val/ is empty');
    save('parts/setid.mat', 'x');
    expectFacts((await locate('parts')).notes.join(), 'setid.mat', 'metadata.csv');
    save('arrays/cat.npy', '');
    expectFacts(await inputErrorOf(locate('arrays')), 'cat.npy', `--data ${path('arrays/cat.npy')}`);
    save('matlab/train.mat', '');
    expectFacts(await inputErrorOf(locate('matlab')), 'train.mat', 'numpy.savez');
    for (const [file, ...facts] of [
      ['scans/a.nii.gz', 'nibabel'],
      ['scans/1/b.dcm', 'nibabel'],
      ['pcam/x.h5.gz', 'numpy.savez'],
      ['records/0.tfrecord', 'WebDataset'],
      ['frames/1.mp4', 'ffmpeg'],
      ['kaggle/train.zip', `--data ${path('kaggle/train.zip')}`],
      ['hub/snapshots/1/data/x.parquet', `--data ${path('hub/snapshots/1/data/x.parquet')}`],
    ] as const) {
      save(file, '');
      expectFacts(await inputErrorOf(locate(file.replace(/\/.*/, ''))), 'no images', ...facts);
      if (!/(zip|parquet)$/.test(file)) expectFacts(await inputErrorOf(locate(file)), path(file), ...facts);
    }
    save('dicom/IM0001', Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]));
    expectFacts(await inputErrorOf(locate('dicom')), 'IM0001', 'DICOM');
    save('yale/subject01.happy', pngBytes(1, 1, 8, 0, [1]));
    expectFacts(await inputErrorOf(locate('yale')), 'subject01.happy.png');
    png('sign/amer_sign2.png');
    save('sign/sign_mnist_train.csv', 'label,p0,p1,p2,p3\n1,0,9,9,9\n2,0,9,9,9\n');
    const pixels = path('sign/sign_mnist_train.csv');
    save('sign/a_test.csv', 'label,p0,p1,p2,p3\n1,0,9,9,9\n2,0,9,9,9\n');
    expectFacts(await inputErrorOf(locate('sign')), path('sign'), '1 image', 'amer_sign2.png', `--data ${pixels}`);
    for (const name of ['test1', 'train']) save(`zips/${name}.zip`, '');
    expectFacts(await inputErrorOf(locate('zips')), `--data ${path('zips/train.zip')}`);
    png('hub/assets/logo.png');
    save('hub/data/mnist_test.csv', 'label,p0,p1,p2,p3\n1,0,9,9,9\n2,0,9,9,9\n');
    expectFacts(await inputErrorOf(locate('hub')), 'logo.png', `--data ${path('hub/data/')}`);
    save('saved/train/data-00000-of-00001.arrow', '');
    expectFacts(await inputErrorOf(locate('saved')), `${path('saved')}: `, 'no images', '.arrow', 'to_parquet');
    png('link/0.png');
    symlinkSync(path('nowhere.png'), path('link/1.png'));
    const { all } = await locate('link');
    expect(await all?.stamp()).toBeTypeOf('string');
    expectFacts(await inputErrorOf(rowsOf(all)), path('link/1.png'), 'no such file');
    png('pipe/0.png');
    symlinkSync('round.png', path('pipe/round.png'));
    execFileSync('mkfifo', [path('pipe/wait.png')]);
    const files: Record<string, boolean> = {};
    const { all: pipes } = await locate('pipe');
    for await (const { id, read } of pipes?.entries() ?? []) files[id] = await read().then(Boolean, () => false);
    expect([files, await pipes?.stamp()]).toEqual([
      { '0.png': true, 'round.png': false, 'wait.png': false },
      expect.any(String),
    ]);
    mkdirSync(Buffer.from(`${path('latin')}/caf\xe9`, 'latin1'), { recursive: true });
    expectFacts(await inputErrorOf(locate('latin')), path('latin/'), 'UTF-8', 'rename');
    png('half/train/1.png');
    png('half/cat/1.png');
    expectFacts(await inputErrorOf(locate('half')), `${path('half')}: `, "'train'", "'cat'");
  });

  test('stops when it is told to', async () => {
    png('stop/1.png');
    const { all } = await locate('stop', { signal: AbortSignal.abort(new Interrupted('now')) }).catch((error) => {
      expect(error).toBeInstanceOf(Interrupted);
      return { all: undefined };
    });
    expect(all).toBeUndefined();
    const controller = new AbortController();
    const found = await locate('stop', { signal: controller.signal });
    controller.abort(new Interrupted('now'));
    await expect(found.all?.stamp()).rejects.toBeInstanceOf(Interrupted);
  });

  test('nothing stays open', async () => {
    for (let i = 0; i < 50; i++) png(`many/${i}.png`, i);
    await rowsOf((await locate('many')).all); // the decoder opens files of its own at first
    const before = openFiles();
    await rowsOf((await locate('many')).all);
    expect(openFiles()).toBeLessThanOrEqual(before);
  });
});

describe('a single file', () => {
  test('one image', async () => {
    png('single.png', 7);
    const { all } = await locate('single.png');
    expect([all?.count, all?.classes]).toEqual([1, undefined]);
    expect(await rowsOf(all)).toEqual([['single.png', undefined, 7]]);
  });

  test('a stack, read once', async () => {
    save('stack.tif', tiff(5, 6, 7));
    const entries = [];
    for await (const entry of (await locate('stack.tif')).all?.entries() ?? []) entries.push(entry);
    rmSync(path('stack.tif'));
    expect(entries.map(({ id }) => id)).toEqual(['page-000', 'page-001', 'page-002']);
    const levels = [];
    for (const { read, where } of entries) {
      const image = await read();
      levels.push(('values' in image ? image : await decode(image, where)).values[0]);
    }
    expect(levels).toEqual([5, 6, 7]);
  });

  test('of no known form', async () => {
    const file = save('unknown.xyz', 'RIFF');
    expectFacts(await inputErrorOf(locateData(file)), `--data ${file}: `, '52 49 46 46', 'convae data --help');
    expectFacts(await inputErrorOf(locateData(save('empty.xyz', ''))), 'empty', 'nothing');
    const pickle = save('data_batch_1', Buffer.from('8002637d', 'hex'));
    expectFacts(await inputErrorOf(locateData(pickle)), `--data ${pickle}: `, 'pickle', 'numpy.savez');
    expectFacts(await inputErrorOf(locateData(save('x.mat', 'MATLAB 5.0'))), 'x.mat', 'numpy.savez');
    expectFacts(await inputErrorOf(locateData(save('x.feather', 'ARROW1\0\0'))), 'x.feather', 'to_parquet');
    expectFacts(await inputErrorOf(locateData(save('coco.json', ' {"images": []}'))), 'coco.json', '.jsonl');
    expectFacts(await inputErrorOf(locateData(save('labels.xlsx', 'PK'))), 'labels.xlsx', 'CSV');
    expectFacts(await inputErrorOf(locateData(save('usps.bz2', 'BZh91AY'))), 'usps.bz2', 'bzip2');
    for (const line of ['7 1:0.2 2:1\n', '-1.5 13:1\n'])
      expectFacts(await inputErrorOf(locateData(save('usps', line))), 'LIBSVM', 'numpy.savez');
    const video = save('clip.mp4', '\0\0\0\x18ftypmp42');
    expectFacts(await inputErrorOf(locateData(video)), video, `ffmpeg -i ${video}`);
    const photo = save('IMG_1.HEIC', '\0\0\0\x1cftypheic');
    expectFacts(await inputErrorOf(locateData(photo)), photo, 'png or jpg');
    expectFacts(await inputErrorOf(decode({ bytes: Buffer.from('\0\0\0\x1cftypheic') }, 'x.jpg')), 'x.jpg', 'HEIC');
    expectFacts(await inputErrorOf(locateData('/dev/null')), '/dev/null: ', 'pipe or a device');
    expectFacts(await inputErrorOf(locateData('mnits')), "'mnits'");
    expectFacts(await inputErrorOf(locateData(`${path('')},${file}`)), 'a folder', `'${file}'`);
  });
});

describe('a list of paths', () => {
  test('with labels after a tab or a comma, relative or absolute', async () => {
    png('lists/a.png', 1);
    png('lists/sub/b,1.png', 2);
    const outside = png('outside.png', 3);
    png('lists/#selfie.png', 4);
    save(
      'lists/list.txt',
      `\uFEFF# images\n\n#old.png,9\n#selfie.png,9\na.png\t10\r\nsub/b,1.png\n${outside},9\na.png\t10\nmissing.png,9\n`,
    );
    const { all, notes } = await locate('lists/list.txt');
    expect([all?.count, notes.length]).toEqual([5, 1]);
    const rows: unknown[] = [];
    const reasons: string[] = [];
    for await (const { id, label, read } of all?.entries() ?? []) {
      rows.push([id, label]);
      await read().catch((error: Error) => reasons.push(error.message));
    }
    expect(rows).toEqual([
      ['#selfie.png', '9'],
      ['a.png', '10'],
      ['sub/b,1.png', undefined],
      [outside, '9'],
      ['missing.png', '9'],
    ]);
    expect(reasons).toEqual([expect.stringContaining(path('lists/missing.png'))]);
  });

  test('as other programs write them', async () => {
    for (const name of ['w/a.png', 'w/b c.png']) png(name, 1);
    const rowsOf = async (name: string) => {
      const { all } = await locate(name);
      return (await entriesOf(all)).map(({ id, label }) => [id, label]);
    };
    save('w/spaces.txt', 'a.png 3\nb c.png cat\nmissing.png 1\nb c.png cat\n');
    expect(await rowsOf('w/spaces.txt')).toEqual([
      ['a.png', '3'],
      ['b c.png', 'cat'],
      ['missing.png', '1'],
    ]);
    save('w/headed.txt', 'filename,label\na.png,3\n');
    expect(await rowsOf('w/headed.txt')).toEqual([['a.png', '3']]);
    // Tiny ImageNet's val_annotations.txt, with its images in a folder beside it.
    for (const name of ['tiny/images/a.JPEG', 'tiny/images/#b.JPEG']) png(name, 1);
    save('tiny/val.txt', '# x, 1\n# x, 2\n#b.JPEG\tn1\t0\t62\na.JPEG\tn1\t3\t44\n');
    expect(await rowsOf('tiny/val.txt')).toEqual([
      ['#b.JPEG', 'n1'],
      ['a.JPEG', 'n1'],
    ]);
    save('w/windows.txt', '..\\tiny\\images\\a.JPEG\tcat\n');
    expect(await rowsOf('w/windows.txt')).toEqual([['../tiny/images/a.JPEG', 'cat']]);
    save('w/powershell.txt', Buffer.from('\uFEFFa.png\r\nb c.png\r\n', 'utf16le'));
    expect(await rowsOf('w/powershell.txt')).toEqual([
      ['a.png', undefined],
      ['b c.png', undefined],
    ]);
  });

  test('names without extension, folders above, headings, several numbers', async () => {
    for (const name of ['voc/JPEGImages/1.jpg', 'voc/JPEGImages/2.jpg', 'voc/other/3.jpg']) png(name, 1);
    const rowsOf = async (name: string) => {
      const { all, notes } = await locate(name);
      return { rows: (await entriesOf(all)).map(({ id, label }) => [id, label]), notes: notes.join() };
    };
    save('voc/ImageSets/Main/cat.txt', '# id class\n1  cat\n2  grey dog\n');
    const { rows, notes } = await rowsOf('voc/ImageSets/Main/cat.txt');
    expect(rows).toEqual([
      ['1.jpg', 'cat'],
      ['2.jpg', 'grey dog'],
    ]);
    expectFacts(notes, path('voc/JPEGImages'), '.jpg');
    save('voc/ImageSets/boxes.txt', '2\nimage_id x_1 y_1\n1.jpg   95  71\n2.jpg 72  94\n');
    const boxes = await rowsOf('voc/ImageSets/boxes.txt');
    expect(boxes.rows).toEqual([
      ['1.jpg', undefined],
      ['2.jpg', undefined],
    ]);
    expectFacts(boxes.notes, '95  71');
    save('voc/headed.txt', 'image label\n1 cat\n');
    expect((await rowsOf('voc/headed.txt')).rows).toEqual([['1.jpg', 'cat']]);
    save('voc/first.txt', 'JPEGImages/9\nJPEGImages/1.jpg\n');
    expectFacts((await rowsOf('voc/first.txt')).notes, 'heading', 'JPEGImages/9');
    save('voc/lists/root.txt', 'JPEGImages/1.jpg 5\n');
    expect((await rowsOf('voc/lists/root.txt')).rows).toEqual([['JPEGImages/1.jpg', '5']]);
    save('voc/lists/other.txt', '3\n');
    expectFacts(await inputErrorOf(locate('voc/lists/other.txt')), path('voc/lists/other.txt'), path('voc/lists/3'));
    save('voc/lists/partition.txt', 'JPEGImages/1.jpg 0\nJPEGImages/2.jpg 2\n');
    expectFacts((await rowsOf('voc/lists/partition.txt')).notes, 'splits', 'folder');
  });

  test('images of formats that are not read are said to be left out', async () => {
    png('phone/1.png', 1);
    for (const name of ['2.HEIC', '3.svg', 'notes.txt']) save(`phone/${name}`, 'x');
    const { notes } = await locate('phone');
    expectFacts(notes.join('\n'), '2 of formats', '.heic, .svg', '1 file that is no image: notes.txt');
  });

  test('bad lists end with one line', async () => {
    const none = save('bad/none.txt', 'x.png\ny.png\n');
    expectFacts(await inputErrorOf(locateData(none)), `${none}: `, '2', path('bad/x.png'), path('bad'));
    expectFacts(await inputErrorOf(locateData(save('bad/empty.txt', '\n'))), 'no files');
    png('bad/a.png');
    const twice = save('bad/twice.txt', 'a.png,1\na.png,2\n');
    expectFacts(await inputErrorOf(locateData(twice)), `${twice}: `, "'a.png'", "'1'", "'2'");
  });
});
