import { signal } from '@preact/signals';
import type { VisitorFile } from '../../site/dropped.ts';
import { bitmapOf, pixelsOf } from '../../site/picture.ts';
import { FileProblem } from '../../site/problem.ts';
import type { Drawing } from './drawing.ts';

/** Larger pictures are downscaled while decoding: no model sees more than this. */
const MAX_SIDE = 1024;
const MAX_BYTES = 64e6;

/** The pixels of a picture's file, alpha not premultiplied. @throws FileProblem */
export async function readPicture(file: Blob, name: string): Promise<ImageData> {
  if (file.size > MAX_BYTES) {
    throw new FileProblem(`${name} is too large: the limit is ${MAX_BYTES / 1e6} MB`);
  }
  const bitmap = await bitmapOf(file, `${name} is not a picture that this browser can read; try a PNG or JPEG file`);
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const side = (length: number) => Math.max(1, Math.round(scale * length));
  return pixelsOf(bitmap, side(bitmap.width), side(bitmap.height));
}

export type PictureOpener = ReturnType<typeof createPictureOpener>;

/** Makes pictures the input image, from a file, a drop or the clipboard. */
export function createPictureOpener(drawing: Drawing) {
  /** The problem with the last file, if any. */
  const problem = signal<string | null>(null);
  return {
    problem,
    /** @param picture null where none is in the clipboard */
    async open(picture: VisitorFile | null): Promise<void> {
      problem.value = picture ? null : 'there is no picture in the clipboard';
      if (!picture) return;
      const name = picture.path || 'the picture';
      try {
        drawing.showFile(await readPicture(picture.file, name));
      } catch (error) {
        problem.value = error instanceof FileProblem ? error.message : `${name} cannot be read`;
      }
    },
  };
}
