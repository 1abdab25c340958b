import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { parquetWriteFile } from 'hyparquet-writer';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { expect, test } from 'vitest';
import type { Preprocessing } from '../../pipeline/artifacts/preprocessing.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { planShards } from '../../pipeline/encode/plan-shards.ts';
import { pngBytes } from '../data/images.ts';
import { scratchFolder } from '../data/support.ts';
import { missingOfRay, PYTHON, RAY_SCRIPT } from './ray-python.ts';
import { exportTiny } from './tiny-model.ts';

const scratch = scratchFolder();
const reason = missingOfRay();
if (reason) console.log(`skipped: what Ray reads: ${reason}`);

/** Prints what the script reads by each plan: id, class and pixels of its images, or why it refuses it. */
const READ = `
import sys, json, base64, importlib.util, pyarrow as pa
from pathlib import Path
spec = importlib.util.spec_from_file_location("encode", sys.argv[1])
encode = importlib.util.module_from_spec(spec)
spec.loader.exec_module(encode)
def rows(folder, preprocessing):
    try:
        inputs = list(encode.plan_inputs(Path(folder), folder))
        plan = json.loads((Path(folder) / "plan.json").read_text())
        if plan["labelling"]:
            classes, indices = plan["labelling"]["classes"], None
        else:
            labels = set().union(*(encode.labels_of(json.loads(one)) for one in inputs))
            classes, indices = encode.class_indices({json.loads(label) for label in labels}, plan["named"], [], folder)
        found = encode.Prepare({"preprocessing": preprocessing}, None, indices)(pa.table({"input": inputs})).to_pylist()
        name = lambda label: None if label < 0 else classes[label]
        return sorted([row["id"], row["label"], name(row["label"]), base64.b64encode(row["pixels"]).decode()] for row in found)
    except encode.InputError as error:
        return str(error)
print(json.dumps([rows(*case) for case in json.load(sys.stdin)]))`;

type Case = readonly [data: string, preprocessing: Preprocessing, label?: string];

async function readByRay(cases: readonly Case[]): Promise<unknown[]> {
  const exported = await exportTiny(scratch('tiny'));
  const planned: [string, Preprocessing][] = [];
  for (const [i, [data, preprocessing, label]] of cases.entries()) {
    const out = scratch(`plan-${data.split('/').at(-1)}-${i}`);
    await planShards({ exported, data, split: 'all', out, shards: 1, device: 'cpu', dataOptions: { label } });
    planned.push([out, preprocessing]);
  }
  const input = JSON.stringify(planned);
  return JSON.parse(execFileSync(PYTHON, ['-c', READ, RAY_SCRIPT], { input, encoding: 'utf8', maxBuffer: 2 ** 26 }));
}

/** What convae reads, in the order of the ids. */
async function readHere(data: string, preprocessing: Preprocessing) {
  const dataset = await openSplit(data, 'all', { preprocessing, cache: scratch('cache') });
  const bytes = preprocessing.height * preprocessing.width * preprocessing.channels;
  const rows: [string, number, string | null, string][] = [];
  for (let i = 0; i < dataset.length; i++) {
    const pixels = new Uint8Array(bytes);
    await dataset.read([i], pixels);
    const label = dataset.labels?.[i] ?? -1;
    rows.push([dataset.id(i), label, dataset.classes?.[label] ?? null, Buffer.from(pixels).toString('base64')]);
  }
  await dataset.close();
  return rows.sort(([a], [b]) => (a < b ? -1 : 1));
}

function write(path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(scratch(path)), { recursive: true });
  writeFileSync(scratch(path), bytes);
}

/** Smooth values with all levels, `[20, 30, channels]`. */
const wave = (channels: number, full = 255) =>
  Array.from({ length: 20 * 30 * channels }, (_, i) => {
    const [c, at] = [i % channels, Math.floor(i / channels)];
    return Math.round((full / 2) * (1 + Math.sin(((at % 30) * (c + 1) + Math.floor(at / 30) * (3 - c)) / 9)));
  });
const raw = (channels: 1 | 2 | 3 | 4) =>
  sharp(Uint8Array.from(wave(channels)), { raw: { width: 30, height: 20, channels } });
const deep = (channels: number, type: number, full: number) =>
  pngBytes(
    30,
    20,
    16,
    type,
    wave(channels, full).flatMap((value) => [value >> 8, value & 255]),
  );

test.skipIf(reason)('pixels, ids and classes are those that convae reads', { timeout: 120_000 }, async () => {
  write('kinds/archive/a/cmyk.jpg', await raw(3).toColourspace('cmyk').jpeg().toBuffer());
  write('kinds/archive/a/turned.jfif', await raw(3).withMetadata({ orientation: 6 }).jpeg().toBuffer());
  write('kinds/archive/b/p3.png', await raw(3).withIccProfile('p3').png().toBuffer());
  write('kinds/archive/b/clear.webp', await raw(4).webp({ lossless: true }).toBuffer());
  write('kinds/archive/10/palette.gif', await raw(3).gif().toBuffer());
  write('kinds/archive/9/gray.png', await raw(1).toColourspace('b-w').png().toBuffer());
  write('kinds/archive/9/deep.png', deep(1, 0, 4095));
  write('kinds/archive/9/clear16.png', deep(2, 4, 4095));
  const pages = { width: 30, height: 20, channels: 1, pageHeight: 10 } as const;
  write(
    'kinds/archive/c/stack.tif',
    await sharp(Uint8Array.from(wave(1)), { raw: pages })
      .tiff()
      .toBuffer(),
  );
  write('kinds/.hidden/x/1.png', 'hidden');
  const twelve = [{ type: 'uint16', from: [0, 4095], rule: '12 bits in uint16' }] as const;
  const common = { background: '#102030', scalings: [...twelve] };
  const cases: Case[] = [
    [scratch('kinds'), { ...common, height: 16, width: 16, channels: 3, fit: 'cover' }],
    [scratch('kinds'), { ...common, height: 17, width: 40, channels: 1, fit: 'contain' }],
    [scratch('kinds'), { ...common, height: 31, width: 19, channels: 3, fit: 'stretch' }],
  ];
  const png = pngBytes(30, 20, 8, 0, wave(1));
  const add = (data: string) =>
    void cases.push([scratch(data), { ...common, height: 20, width: 30, channels: 1, fit: 'cover' }]);
  const ratings = {
    huggingface: { info: { features: { class_id: { _type: 'ClassLabel', names: ['9', '1', '2', '3'] } } } },
  };
  const labelled = { whole: [10, 9, -1, 10], measures: [0.5, 1, 2, 3], indices: [1, 2, 3, 1] };
  for (const [name, labels] of Object.entries(labelled)) {
    const images = { name: 'image', data: labels.map(() => png), type: 'BYTE_ARRAY' as const };
    const label = { name: 'class_id', data: Float64Array.from(labels), type: 'DOUBLE' as const };
    const kvMetadata = Object.entries(name === 'indices' ? ratings : {}).map(([key, value]) => ({
      key,
      value: JSON.stringify(value),
    }));
    mkdirSync(scratch(name));
    const options = { columnData: [images, label], rowGroupSize: 3, kvMetadata };
    parquetWriteFile({ filename: scratch(`${name}/x.parquet`), ...options });
    add(name);
  }
  const addTars = async (data: string, tars: Readonly<Record<string, Readonly<Record<string, Buffer | string>>>>) => {
    for (const [name, members] of Object.entries(tars)) {
      const archive = pack();
      for (const [path, contents] of Object.entries(members)) archive.entry({ name: path }, contents);
      archive.finalize();
      write(`${data}/${name}.tar`, await buffer(archive));
    }
    add(data);
  };
  await addTars('archives', { cat: { 'images/1.png': png }, dog: { 'images/1.png': png } });
  await addTars('composed', {
    // one class in two Unicode forms
    a: { '1.png': png, '1.cls': 'caf\u0065\u0301', '2.png': png, '2.cls': 'z' },
    b: { '3.png': png, '3.cls': 'caf\u00e9' },
  });
  await addTars('missing', {
    a: { '1.png': png, '1.cls': '7', '2.png': png, '2.cls': 'NaN' },
    b: { '3.png': png, '3.cls': '10' },
  });
  for (const part of ['train2017', 'test']) write(`splits/all/${part}/a/1.png`, png);
  write('table/1.png', png);
  write('table/metadata.csv', 'file_name,label\n1.png,3\n');
  write('list.txt', 'table/1.png,b\nsplits/all/test/a/1.png,a\n');
  for (const data of ['splits', 'table', 'list.txt']) add(data);
  const found = await readByRay(cases);
  for (const [i, [data, preprocessing]] of cases.entries())
    expect(found[i], JSON.stringify(preprocessing)).toEqual(await readHere(data, preprocessing));
});

test.skipIf(reason)('what convae would read otherwise is refused', { timeout: 120_000 }, async () => {
  const png = pngBytes(30, 20, 8, 0, wave(1));
  const split = { name: 'split', data: ['train', 'test'], type: 'STRING' as const };
  mkdirSync(scratch('column'));
  parquetWriteFile({
    filename: scratch('column/x.parquet'),
    columnData: [{ name: 'image', data: [png, png], type: 'BYTE_ARRAY' as const }, split],
  });
  write('x.csv', `label,pixels\n1,${Array(784).fill(0).join(' ')}\n`);
  write('wide/a.png', deep(1, 0, 65535));
  const preprocessing = { height: 20, width: 30, channels: 1, fit: 'cover', background: '#000000' } as const;
  for (const shard of ['a', 'b']) {
    const tar = pack();
    tar.entry({ name: `${shard}.json` }, '{"dx": "nv"}');
    tar.entry({ name: `${shard}.png` }, png);
    tar.finalize();
    write(`tars/${shard}.tar`, await buffer(tar));
  }
  const names = ['column', 'x.csv', 'wide'];
  const found = await readByRay([
    ...names.map((name): Case => [scratch(name), { ...preprocessing, scalings: [] }]),
    [scratch('tars'), { ...preprocessing, scalings: [] }, 'dx'],
  ]);
  expect(found).toEqual([
    expect.stringMatching(/column.*Parquet/),
    expect.stringMatching(/csv.*Parquet/),
    expect.stringContaining('uint16'),
    expect.stringContaining('dx'),
  ]);
});
