import { signal } from '@preact/signals';
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

/** Files of models, which are handled elsewhere. */
const OF_MODELS = /\.(zip|onnx|json|npy)$/i;

export type PictureOpener = ReturnType<typeof createPictureOpener>;

/** Makes pictures the input image, from a file, a drop or the clipboard. */
export function createPictureOpener(drawing: Drawing) {
  /** The problem with the last file, if any. */
  const problem = signal<string | null>(null);
  async function open(file: Blob, name: string): Promise<void> {
    problem.value = null;
    try {
      drawing.showFile(await readPicture(file, name || 'the picture'));
    } catch (error) {
      problem.value = error instanceof FileProblem ? error.message : `${name} cannot be read`;
    }
  }
  return {
    problem,
    open,
    /**
     * Accepts pictures dropped onto an element or pasted into the page.
     * @param over receives whether something that may be a picture hovers over the element
     * @returns a function that stops it
     */
    accept(element: HTMLElement, over: (hovers: boolean) => void): () => void {
      const stop = new AbortController();
      const { signal } = stop;
      const mayBe = ({ dataTransfer }: DragEvent) =>
        [...(dataTransfer?.items ?? [])].some(({ kind, type }) => kind === 'file' && !/zip|json/.test(type));
      const dragOver = (event: DragEvent) => {
        if (!mayBe(event)) return;
        event.preventDefault();
        over(true);
      };
      const dragLeave = (event: DragEvent) => {
        if (!element.contains(event.relatedTarget as Node | null)) over(false);
      };
      const drop = (event: DragEvent) => {
        over(false);
        const [item] = event.dataTransfer?.items ?? [];
        const [file] = event.dataTransfer?.files ?? [];
        if (!file || event.defaultPrevented || OF_MODELS.test(file.name) || item?.webkitGetAsEntry?.()?.isDirectory)
          return;
        event.preventDefault();
        event.stopPropagation();
        void open(file, file.name);
      };
      const paste = (event: ClipboardEvent) => {
        // Another view may have taken it.
        if (event.defaultPrevented) return;
        const files = [...(event.clipboardData?.files ?? [])];
        const file = files.find(({ type }) => type.startsWith('image/')) ?? files[0];
        if (file) {
          event.preventDefault();
          void open(file, file.name);
        } else if (!(event.target instanceof HTMLInputElement)) {
          problem.value = 'there is no picture in the clipboard';
        }
      };
      element.addEventListener('dragover', dragOver, { signal });
      element.addEventListener('dragleave', dragLeave, { signal });
      element.addEventListener('drop', drop, { signal });
      document.addEventListener('paste', paste, { signal });
      return () => stop.abort();
    },
  };
}
