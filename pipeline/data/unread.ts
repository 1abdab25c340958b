import { counted } from '../io/printable.ts';
import type { ImageDataset } from './dataset.ts';

/** Images that a line names. */
const NAMED = 3;

/** `4 images that cannot be read: a.png (why), …` */
export function unreadImages(skipped: NonNullable<ImageDataset['skipped']>): string {
  const named = skipped.slice(0, NAMED).map(({ file, reason }) => `${file} (${reason})`);
  return `${counted(skipped.length, 'image')} that cannot be read: ${named.join(', ')}${skipped.length > NAMED ? ', …' : ''}`;
}

/** Says which images of some data sets are left out; undefined where none is. */
export function unreadNote(...datasets: readonly Pick<ImageDataset, 'skipped'>[]): string | undefined {
  const all = datasets.flatMap(({ skipped = [] }) => skipped);
  const skipped = [...new Map(all.map((image) => [image.file, image])).values()]; // parts that were split off have those of the whole
  return skipped.length > 0 ? `Left out: ${unreadImages(skipped)}.` : undefined;
}
