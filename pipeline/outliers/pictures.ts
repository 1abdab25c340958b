import type { Card } from '../artifacts/card.ts';
import { bytesPerImage, type ImageDataset, readImages } from '../data/dataset.ts';
import { pickRows } from '../data/rows.ts';
import type { Sessions } from '../inference/sessions.ts';
import { ZOOM } from '../pictures/chart.ts';
import { drawGrid } from '../pictures/grid.ts';
import { drawHistogram } from '../pictures/histogram.ts';
import type { Picture } from '../report/pictures.ts';
import { errorMaps } from './maps.ts';

/** Images whose error maps are drawn; images of the sheet, at most, and its columns. */
const MAPPED = 12;
const SHOWN = 800;
const COLUMNS = 8;

export interface PictureInput {
  readonly card: Card;
  readonly data: ImageDataset;
  /** `[n, D]` */
  readonly latents: Float32Array;
  readonly scores: Float32Array;
  readonly threshold: number;
  readonly percentile: number;
  /** Which images are abnormal, `[n]`; undefined where it is not known, of one image or of all. */
  readonly abnormal: readonly (boolean | undefined)[] | undefined;
  /** Images by score, the highest first. */
  readonly top: Uint32Array;
  /** Undefined where there is no decoder. */
  readonly sessions: Sessions | undefined;
}

/** The distribution of the scores, the images with the highest, and maps of their errors. */
export async function picturesOf(input: PictureInput): Promise<Picture[]> {
  const { card, sessions } = input;
  const top = input.top.subarray(0, SHOWN);
  const images = await readImages(input.data, top);
  return [
    await histogram(input),
    await sheet(card.image, images, top.length),
    ...(sessions ? [await maps(input, sessions, images)] : []),
  ];
}

async function histogram({ scores, threshold, percentile, abnormal }: PictureInput): Promise<Picture> {
  const of = (wanted: boolean) => scores.filter((_, i) => abnormal?.[i] === wanted);
  const groups = abnormal
    ? ([['normal', of(false)] as const, ['others', of(true)] as const] as const)
    : ([['images', scores] as const] as const);
  const {
    png: data,
    svg,
    ...size
  } = await drawHistogram({
    groups,
    axis: 'score',
    threshold: { value: threshold, name: `p${percentile}` },
  });
  return {
    file: 'histogram.png',
    title: 'Scores',
    caption: `How the scores are distributed: 1 is reached by a tenth of the normal images, 2 by a hundredth. Images above the dashed line (the percentile ${percentile} of the reference images) are flagged.${abnormal?.includes(undefined) ? ' Images without a label are left out.' : ''}`,
    alt: `Histogram of ${scores.length} scores.`,
    ...{ data, svg, density: ZOOM, width: size.width, height: size.height },
  };
}

async function sheet(shape: Card['image'], images: Uint8Array, count: number): Promise<Picture> {
  const columns = Math.min(COLUMNS, count);
  const { png: data, svg, width, height } = await drawGrid({ shape, images, columns });
  return {
    file: 'top.png',
    title: 'Highest scores',
    caption: `The ${count} images with the highest scores, the highest first, row by row.`,
    alt: `${count} images.`,
    ...{ data, svg, density: 1, width, height },
  };
}

async function maps(
  { card, data: { labels, id }, latents, scores, top }: PictureInput,
  sessions: Sessions,
  images: Uint8Array,
) {
  const chosen = top.subarray(0, MAPPED);
  const { height, width } = card.image;
  const decoded = await sessions.decodeAll({
    latents: pickRows(latents, card.latent.size, chosen),
    labels: labels && Int32Array.from(chosen, (row) => labels[row] as number),
  });
  const originals = images.subarray(0, chosen.length * bytesPerImage(card.image));
  const { raw, smoothed, dissimilarity } = await errorMaps(card.image, originals, decoded);
  const columns = [
    inColour(originals, card.image.channels),
    inColour(
      Uint8ClampedArray.from(decoded, (value) => 255 * value),
      card.image.channels,
    ),
    ...[raw, smoothed, dissimilarity].map(heat),
  ];
  const cell = height * width * 3;
  const cells = new Uint8Array(chosen.length * columns.length * cell);
  columns.forEach((column, c) => {
    for (let row = 0; row < chosen.length; row++)
      cells.set(column.subarray(row * cell, (row + 1) * cell), (row * columns.length + c) * cell);
  });
  const drawing = await drawGrid({
    shape: { height, width, channels: 3 },
    images: cells,
    columns: columns.length,
    columnLabels: ['image', 'reconstruction', 'error', 'smoothed', '1 − SSIM'],
    rowLabels: Array.from(chosen, (row) => `${id(row)}: ${(scores[row] as number).toFixed(1)}`),
  });
  return {
    file: 'maps.png',
    title: 'Error maps',
    caption:
      'Images with the highest scores, their reconstructions, and where the two differ: by pixel, under a Gaussian, and in structure (SSIM). Each map is as bright as its column’s largest value, black is 0.',
    alt: `${chosen.length} images with their reconstructions and three error maps each.`,
    ...{ data: drawing.png, svg: drawing.svg, density: 1, width: drawing.width, height: drawing.height },
  };
}

/** Pixels as RGB. */
const inColour = (pixels: Uint8Array | Uint8ClampedArray, channels: number): Uint8Array =>
  channels === 3
    ? Uint8Array.from(pixels)
    : Uint8Array.from({ length: 3 * pixels.length }, (_, i) => pixels[Math.floor(i / 3)] as number);

/** Values from 0 to the largest of them as black, red, yellow and white. */
function heat(values: Float32Array): Uint8Array {
  const largest = values.reduce((most, value) => Math.max(most, value), 0) || 1;
  const colours = new Uint8ClampedArray(3 * values.length);
  values.forEach((value, i) => {
    for (let channel = 0; channel < 3; channel++) colours[3 * i + channel] = 255 * ((3 * value) / largest - channel);
  });
  return new Uint8Array(colours.buffer);
}
