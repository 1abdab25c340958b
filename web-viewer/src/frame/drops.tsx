import { useEffect } from 'preact/hooks';
import { filesOfDrop, filesOfInput, MODEL_FILE, TABLE_NAME, type VisitorFile } from '../site/dropped.ts';
import { problem, report, tab } from '../state/store.ts';
import { draggedTo, type Place, takers } from '../state/takers.ts';

/** Takes the files that are dropped or pasted anywhere on the page, and says what may be dropped. */
export function DropPlace() {
  useEffect(listen, []);
  const place = draggedTo.value;
  if (place === null || place === 'picture') return null;
  return (
    <div class="drop-place">
      {place === 'images'
        ? 'Drop a folder of images here'
        : 'Drop a model’s folder or zip here, or a table (CSV, TSV or Parquet) to colour the map by'}
    </div>
  );
}

/** @returns a function that stops it */
function listen(): () => void {
  const stop = new AbortController();
  const on = (type: 'dragover' | 'dragleave' | 'drop', take: (event: DragEvent, files: DataTransfer) => void) =>
    window.addEventListener(
      type,
      (event) => {
        if (event.dataTransfer?.types.includes('Files')) take(event, event.dataTransfer);
      },
      { signal: stop.signal },
    );
  on('dragover', (event, files) => {
    event.preventDefault();
    files.dropEffect = 'copy';
    const place = placeOf(event);
    // Names are hidden until the drop, but types of images are not.
    const arePictures = [...files.items].every(({ type }) => type.startsWith('image/'));
    if (arePictures) draggedTo.value = place === 'picture' ? place : null;
    else draggedTo.value = place === 'images' ? place : 'page';
  });
  on('dragleave', ({ relatedTarget }) => {
    // The pointer left the window.
    if (relatedTarget === null) draggedTo.value = null;
  });
  on('drop', (event, files) => {
    event.preventDefault();
    draggedTo.value = null;
    send(filesOfDrop(files), placeOf(event)).catch(report);
  });
  document.addEventListener('paste', paste, { signal: stop.signal });
  return () => stop.abort();
}

function placeOf({ target }: Event): Place {
  const isIn = (view: string) => target instanceof Element && target.closest(view) !== null;
  return takers.images && isIn('.train') ? 'images' : isIn('.input-view') ? 'picture' : 'page';
}

/** Sends dropped files to where they belong. The browser would open what nothing takes, in the place of the page. */
async function send(dropped: Promise<readonly VisitorFile[]>, place: Place): Promise<void> {
  const files = await dropped;
  const [first] = files;
  const table = files.find(({ path }) => TABLE_NAME.test(path) && !path.includes('/'));
  if (files.some(({ path }) => MODEL_FILE.test(path))) {
    await (await import('../state/open-files.ts')).openVisitorFiles(files);
  } else if (table && takers.table) {
    tab.value = 'map';
    await takers.table(table);
  } else if (place === 'images') await takers.images?.(files);
  else if (place === 'picture' && first && !first.path.includes('/')) await takers.picture?.(first);
  else {
    const name = first?.path.split('/')[0] ?? 'an empty folder';
    problem.value = `nothing here takes ${name}: drop pictures on the input, and a model’s folder or zip, or a table, anywhere`;
  }
}

/** Pasted files are training images where these are shown, and else the input. */
function paste(event: ClipboardEvent): void {
  const files = filesOfInput(event.clipboardData?.files ?? []);
  if (files.length > 0) event.preventDefault();
  else if (event.target instanceof HTMLInputElement) return;
  if (takers.images && files.length > 0) takers.images(files);
  else takers.picture?.(files.find(({ file }) => file.type.startsWith('image/')) ?? files[0] ?? null);
}
