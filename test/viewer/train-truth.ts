import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { initialState } from '../../web-viewer/src/engine/trainer-weights.ts';
import type { Card, ImageSetFile, Manifest } from '../../web-viewer/src/site/schema.ts';
import { batchOf, sampleRows, type TrainImage } from '../../web-viewer/src/views/train/batches.ts';
import { siteFolder } from './browser.ts';

const json = async <T>(path: string): Promise<T> => JSON.parse(await readFile(join(siteFolder, path), 'utf8')) as T;

/** A model of the site, and a sample of its set's images. */
export async function modelAndSample(name: string, count: number, seed = 1) {
  const folder = `models/${name}`;
  const card = await json<Card>(`${folder}/card.json`);
  const { set } = await json<Manifest>(`${folder}/manifest.json`);
  if (set === null || !card.trainStep) throw new Error(`${name} has no set or no training step`);
  const about = await json<ImageSetFile>(`${set}/set.json`);
  const labels = about.labels && (await readFile(join(siteFolder, set, about.labels)));
  const size = about.height * about.width;
  const sheets = await Promise.all(
    about.sheets.map(async ({ file, ...sheet }) => {
      const png = sharp(join(siteFolder, set, file));
      return { ...sheet, ...(await png.raw().toBuffer({ resolveWithObject: true })) };
    }),
  );
  const pixels = (row: number) => {
    const sheet = sheets.find(({ first, count }) => row >= first && row < first + count);
    if (!sheet) throw new Error(`no image ${row}`);
    const [x, y] = [(row - sheet.first) % sheet.columns, Math.floor((row - sheet.first) / sheet.columns)];
    const at = (i: number) =>
      ((y * about.height + Math.floor(i / about.width)) * sheet.info.width + x * about.width + (i % about.width)) *
      sheet.info.channels;
    return Uint8Array.from({ length: size }, (_, i) => sheet.data[at(i)] as number);
  };
  const sample = sampleRows(about.images, count, seed).map(
    (row): TrainImage => ({
      pixels: pixels(row),
      label: labels ? labels.readInt32LE(labels.length - 4 * (about.images - row)) : null,
    }),
  );
  return { folder: join(siteFolder, folder), card, step: card.trainStep, sample };
}

type SampledModel = Awaited<ReturnType<typeof modelAndSample>>;

/** The losses of the first steps, as ONNX Runtime for Node computes them. */
export async function lossesOf({ folder, card, step, sample }: SampledModel, steps: number, rate: number) {
  const session = await InferenceSession.create(join(folder, step.file));
  const [encoder, decoder] = await Promise.all(
    ['encoder.onnx', 'decoder.onnx'].map(async (name) => new Uint8Array(await readFile(join(folder, name)))),
  );
  const shapes = new Map(step.state.map(({ name, shape }) => [name, shape]));
  const initial = initialState(step, { encoder, decoder } as Parameters<typeof initialState>[1]);
  let state: Record<string, Tensor> = Object.fromEntries(
    [...initial].map(([name, values]) => [name, new Tensor('float32', values, shapes.get(name) ?? [])]),
  );
  const losses: number[][] = [];
  for (let at = 0; at < steps; at++) {
    const { image, label, noise, klWeight } = batchOf(card, step, sample, { seed: 1, at, rate });
    const { inputs } = step;
    const found = await session.run({
      ...state,
      image: new Tensor('uint8', image, inputs.image),
      rate: new Tensor('float32', [rate], []),
      ...(label && { label: new Tensor('int32', label, [...(inputs.label ?? [])]) }),
      ...(noise && { noise: new Tensor('float32', noise, [...(inputs.noise ?? [])]) }),
      ...(klWeight !== undefined && { klWeight: new Tensor('float32', [klWeight], []) }),
    });
    losses.push(step.losses.map((name) => Number(found[name]?.data[0])));
    state = Object.fromEntries(step.state.map(({ name, next }) => [name, found[next] as Tensor]));
  }
  return losses;
}

/** Reconstructions `[N, H, W, C]` of images, as ONNX Runtime for Node computes them. */
export async function reconstructionsOf(
  files: { readonly encoder: Uint8Array; readonly decoder: Uint8Array },
  { card, step }: SampledModel,
  images: readonly TrainImage[],
): Promise<Float32Array> {
  const { height, width, channels } = card.image;
  const pixels = new Uint8Array(Buffer.concat(images.map((image) => image.pixels)));
  const label = step.inputs.label && {
    label: new Tensor(
      'int32',
      Int32Array.from(images, ({ label }) => label ?? 0),
      [images.length],
    ),
  };
  const labelIf = (needed: boolean) => (needed ? label : undefined);
  const image = new Tensor('uint8', pixels, [images.length, height, width, channels]);
  const encoder = await InferenceSession.create(files.encoder);
  const { latent } = await encoder.run({ image, ...labelIf(card.conditional.encoder) });
  const decoder = await InferenceSession.create(files.decoder);
  const decoded = await decoder.run({ latent: latent as Tensor, ...labelIf(card.conditional.decoder) });
  return decoded.image?.data as Float32Array;
}
