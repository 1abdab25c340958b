import { signal } from '@preact/signals';
import type { VisitorFile } from '../site/dropped.ts';

/** What views do with a visitor's files that are dropped or pasted. */
interface Takers {
  /** Colours the map by a table. */
  table(file: VisitorFile): unknown;
  /** Adds training images. */
  images(files: readonly VisitorFile[]): unknown;
  /** Makes a picture the input; null where none is in the clipboard. */
  picture(file: VisitorFile | null): unknown;
}

/** Those of the views that are there. */
export const takers: Partial<Takers> = {};

/** Lets a view take files. @returns a function that ends it */
export function take<Kind extends keyof Takers>(kind: Kind, taker: Takers[Kind]): () => void {
  takers[kind] = taker;
  return () => {
    delete takers[kind];
  };
}

/** Where files are: over the view of training images, over the input, or elsewhere. */
export type Place = 'images' | 'picture' | 'page';
/** Where the files are that the visitor is dragging, if that is to be shown. */
export const draggedTo = signal<Place | null>(null);
