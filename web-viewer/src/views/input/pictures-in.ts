import { openPicture, pictureProblem } from './open-picture.ts';

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
