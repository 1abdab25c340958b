import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { spreadRows } from '../data/rows.ts';
import type { Drawing } from './drawing.ts';
import { drawGrid } from './grid.ts';

/** Images of a contact sheet without classes, and columns. */
const IMAGES = 144;
const COLUMNS = 12;
/** Rows of a contact sheet with classes. */
const MOST_CLASSES = 24;

/**
 * Draws a contact sheet of a data set as the model sees it: a row for each class, or images evenly spaced over the set where it
 * has no classes or too many.
 */
export async function drawSheet(dataset: ImageDataset): Promise<Drawing> {
  const { labels, classes = [], shape } = dataset;
  const byClass = labels && classes.length > 1 && classes.length <= MOST_CLASSES;
  const rows = byClass
    ? classes.map((name, label) => rowOf(labels, label, name)).filter(({ images }) => images.length > 0)
    : [];
  const columns = byClass ? Math.max(...rows.map(({ images }) => images.length)) : Math.min(COLUMNS, dataset.length);
  const chosen = byClass
    ? rows.flatMap(({ images }) => padded(images, columns))
    : [...spreadRows(dataset.length, IMAGES)];
  const bytes = bytesPerImage(shape);
  const images = new Uint8Array(chosen.length * bytes).fill(255);
  for (const [place, index] of chosen.entries()) {
    if (index !== undefined) await dataset.read([index], images.subarray(place * bytes, (place + 1) * bytes));
  }
  return drawGrid({ shape, images, columns, ...(byClass && { rowLabels: rows.map(({ name }) => name) }) });
}

function rowOf(labels: Int32Array, label: number, name: string) {
  const all = Uint32Array.from(labels.keys()).filter((i) => labels[i] === label);
  const images = all.length === 0 ? [] : [...spreadRows(all.length, COLUMNS)].map((i) => all[i] as number);
  return { name, images };
}

const padded = (images: readonly number[], columns: number): (number | undefined)[] =>
  Array.from({ length: columns }, (_, i) => images[i]);
