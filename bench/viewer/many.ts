import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { imageSetSchema, manifestSchema } from '../../pipeline/artifacts/site.ts';
import { bytesPerImage, defineDataset } from '../../pipeline/data/dataset.ts';
import type { Split } from '../../pipeline/data/open.ts';
import { writeArray } from '../../pipeline/io/npy.ts';
import { writeSet } from '../../pipeline/site/image-set.ts';
import { readNpy } from '../../web-viewer/src/site/npy.ts';

/** How far copies are from their image, as a share of the spread of each array's numbers. */
const NOISE = 0.01;

/**
 * A copy of a site in which a model's images, latents and positions are there again and again, moved a little, with the sheets
 * that `convae site` would write for so many.
 * @param least the number of images, which becomes a multiple of the site's
 * @returns its folder
 */
export async function siteOfMany(site: string, model: string, least: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'convae-many-'));
  await cp(site, folder, { recursive: true });
  const inModel = join(folder, 'models', model);
  const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'));
  const manifest = manifestSchema.parse(await json(join(inModel, 'manifest.json')));
  const { points, set } = manifest;
  if (!points || set === null) throw new Error(`${model} has no images on this site`);
  const times = Math.ceil(least / points.count);
  const { latents, errors, map, others } = points;
  const files = { ...manifest.files };
  for (const path of [latents, errors, map, ...others.map(({ file }) => file)]) {
    const file = join(inModel, path);
    const { data, shape } = readNpy(await readFile(file), '<f4', path === errors ? 1 : 2, path);
    const spread = NOISE * Math.sqrt(data.reduce((sum, value) => sum + value ** 2, 0) / data.length);
    const moved = Float32Array.from({ length: times * data.length }, (_, i) => {
      const value = data[i % data.length] as number;
      return i < data.length ? value : value + spread * Math.sin(12.9898 * i);
    });
    await writeArray(file, moved, [times * points.count, ...shape.slice(1)]);
    files[path] = (await stat(file)).size;
  }
  await repeatSet(join(folder, set), times);
  const many = { ...manifest, files, points: { ...points, count: times * points.count } };
  await writeFile(join(inModel, 'manifest.json'), JSON.stringify(many));
  return folder;
}

async function repeatSet(folder: string, times: number): Promise<void> {
  const set = imageSetSchema.parse(JSON.parse(await readFile(join(folder, 'set.json'), 'utf8')));
  const { height, width, channels, images, name, classes, labels } = set;
  const shape = { height, width, channels };
  const bytes = bytesPerImage(shape);
  const pixels = new Uint8Array(images * bytes);
  for (const { file, first, count, columns } of set.sheets) {
    const png = sharp(await readFile(join(folder, file)), { limitInputPixels: false }).toColourspace(
      channels === 1 ? 'b-w' : 'srgb',
    );
    const sheet = await png.raw().toBuffer();
    for (let i = 0; i < count; i++) {
      const [left, top] = [(i % columns) * width, Math.floor(i / columns) * height];
      for (let y = 0; y < height; y++) {
        const from = ((top + y) * columns * width + left) * channels;
        pixels.set(sheet.subarray(from, from + width * channels), (first + i) * bytes + y * width * channels);
      }
    }
  }
  const classOf = labels === null ? null : readNpy(await readFile(join(folder, labels)), '<i4', 1, labels).data;
  const dataset = defineDataset({
    name,
    shape,
    length: times * images,
    labels: classOf ? Int32Array.from({ length: times * images }, (_, i) => classOf[i % images] as number) : undefined,
    classes: classes ?? undefined,
    id: String,
    async read(rows, into) {
      for (let i = 0; i < rows.length; i++) {
        const from = ((rows[i] as number) % images) * bytes;
        into.set(pixels.subarray(from, from + bytes), i * bytes);
      }
    },
    async close() {},
  });
  await rm(folder, { recursive: true });
  await writeSet(folder, dataset, { name, split: set.split as Split, classes, tick: () => {} });
}
