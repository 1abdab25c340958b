import { signal } from '@preact/signals';
import { model } from '../../state/store.ts';
import { showFile } from './drawing.ts';
import { fitAsTrained, fitPicture } from './fit.ts';
import { centres } from './settings.ts';

/** The problem with the last file, if any. */
export const pictureProblem = signal<string | null>(null);

/** Larger pictures are downscaled while decoding: no model sees more than this. */
const MAX_SIDE = 1024;
const MAX_BYTES = 64e6;

/** Makes a picture the input image; problems with the file are reported in `trouble`. */
export async function openPicture(file: File): Promise<void> {
  pictureProblem.value = null;
  try {
    const { data, height, width } = await decode(file);
    const size = { height, width, channels: 4 };
    const preprocessing = model.value?.card.preprocessing;
    // A photo of a digit is made a drawing like those of the set, which fitting alone does not.
    const asTrained = preprocessing && !centres.value ? preprocessing : undefined;
    showFile((frame, conventions) =>
      asTrained ? fitAsTrained(data, size, frame, asTrained) : fitPicture(data, size, frame, conventions),
    );
  } catch (error) {
    pictureProblem.value = error instanceof PictureProblem ? error.message : `${file.name} cannot be read`;
  }
}

class PictureProblem extends Error {}

async function decode(file: File): Promise<ImageData> {
  const name = file.name || 'the picture';
  if (file.size > MAX_BYTES) {
    throw new PictureProblem(`${name} is too large: the limit is ${MAX_BYTES / 1e6} MB`);
  }
  // Exact pixels: no colour conversion, no premultiplied alpha.
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }).catch(() => {
    throw new PictureProblem(`${name} is not a picture that this browser can read; try a PNG or JPEG file`);
  });
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [
    Math.max(1, Math.round(scale * bitmap.width)),
    Math.max(1, Math.round(scale * bitmap.height)),
  ];
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new PictureProblem('this browser cannot read pictures');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/** Files of models, which are handled elsewhere. */
const OF_MODELS = /\.(zip|onnx|json|npy)$/i;

/**
 * Accepts pictures dropped onto an element or pasted into the page.
 * @param over receives whether something that may be a picture hovers over the element
 * @returns a function that stops it
 */
export function acceptPictures(element: HTMLElement, over: (hovers: boolean) => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const mayBe = ({ dataTransfer }: DragEvent) =>
    [...(dataTransfer?.items ?? [])].some(({ kind, type }) => kind === 'file' && !/zip|json/.test(type));
  element.addEventListener(
    'dragover',
    (event) => {
      if (!mayBe(event)) return;
      event.preventDefault();
      over(true);
    },
    { signal },
  );
  element.addEventListener('dragleave', (event) => {
    if (!element.contains(event.relatedTarget as Node | null)) over(false);
  });
  element.addEventListener(
    'drop',
    (event) => {
      over(false);
      const [item] = event.dataTransfer?.items ?? [];
      const [file] = event.dataTransfer?.files ?? [];
      if (!file || OF_MODELS.test(file.name) || item?.webkitGetAsEntry?.()?.isDirectory) return;
      event.preventDefault();
      event.stopPropagation();
      void openPicture(file);
    },
    { signal },
  );
  document.addEventListener(
    'paste',
    (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      const file = files.find(({ type }) => type.startsWith('image/')) ?? files[0];
      if (file) {
        event.preventDefault();
        void openPicture(file);
      } else if (!(event.target instanceof HTMLInputElement)) {
        pictureProblem.value = 'there is no picture in the clipboard';
      }
    },
    { signal },
  );
  return () => stop.abort();
}
