import type { ImageDataset } from './dataset.ts';
import { defineDataset } from './define.ts';

/** Some images of a data set, by their indices, under their own ids. Closing it closes the whole. */
export function subset(whole: ImageDataset, name: string, indices: Uint32Array): ImageDataset {
  const { shape, labels, classes } = whole;
  const original = (index: number) => indices[index] as number;
  return defineDataset({
    name,
    shape,
    length: indices.length,
    labels: labels && Int32Array.from(indices, (index) => labels[index] as number),
    classes,
    id: (index) => whole.id(original(index)),
    read: (wanted, target) => whole.read(Uint32Array.from(wanted, original), target),
    close: () => whole.close(),
  });
}

/** Views of one data set that is closed when all of them are. */
export function sharing(whole: ImageDataset, views: number): ImageDataset[] {
  let open = views;
  return Array.from({ length: views }, () => {
    let closed = false;
    return {
      ...whole,
      async close() {
        if (closed) return;
        closed = true;
        open--;
        if (open === 0) await whole.close();
      },
    };
  });
}
