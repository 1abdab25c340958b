import { useEffect, useRef, useState } from 'preact/hooks';
import { filesOfDrop, LIMITS, looksLikeModel, mayBeModel, type VisitorFile } from '../../site/dropped.ts';
import { messageOf } from '../../site/problem.ts';
import { problem } from '../../state/store.ts';
import { Button } from '../../ui/controls.tsx';
import { FileButton } from '../../ui/file-button.tsx';
import { Icon } from './icons.tsx';

/** Opens a model of the visitor's: files, a zip or a folder, chosen or dropped anywhere on the page. */
export function OpenMenu() {
  const menu = useRef<HTMLDivElement>(null);
  const open = (files: readonly VisitorFile[]) => {
    menu.current?.hidePopover();
    void openFiles(files);
  };
  return (
    <>
      <Button class="action" popovertarget="open-model">
        <Icon name="open" />
        <span class="word">Open a model</span>
      </Button>
      <div ref={menu} id="open-model" class="menu opening" popover="auto" role="dialog" aria-label="Open a model">
        <p>
          Open your own model: drop its folder or a zip anywhere on this page, or choose it here. It stays in your
          browser; nothing is sent anywhere.
        </p>
        <div class="row">
          <FileButton name="Files or a zip…" onFiles={open} />
          <FileButton name="A folder…" folder onFiles={open} />
        </div>
        <p class="say">
          A model consists of the files of <code>convae export</code>: card.json, encoder.onnx and decoder.onnx. The
          limit is {LIMITS.bytes / 1e6} MB.
        </p>
      </div>
      <DropPlace />
    </>
  );
}

/** A view that takes images: folders dropped there are images, unless they hold a model. */
const takesImages = ({ target }: DragEvent) =>
  target instanceof Element && target.closest('[data-takes-images]') !== null;

/** Opens models dropped on the page. Pictures are handled by the element that they are dropped on; other files are refused. */
function DropPlace() {
  const [over, setOver] = useState<'images' | 'model' | null>(null);
  useEffect(() => {
    const ends = new AbortController();
    const on = (type: 'dragover' | 'dragleave' | 'drop', listen: (event: DragEvent, transfer: DataTransfer) => void) =>
      window.addEventListener(type, (event) => event.dataTransfer && listen(event, event.dataTransfer), {
        capture: true,
        signal: ends.signal,
      });
    on('dragover', (event, transfer) => {
      if (!mayBeModel(transfer)) return;
      event.preventDefault();
      transfer.dropEffect = 'copy';
      setOver(takesImages(event) ? 'images' : 'model');
    });
    on('dragleave', (event) => {
      // The pointer left the window.
      if (event.relatedTarget === null) setOver(null);
    });
    on('drop', (event, transfer) => {
      setOver(null);
      if (!looksLikeModel(transfer) || takesImages(event)) return;
      event.preventDefault();
      event.stopPropagation();
      void openFiles(filesOfDrop(transfer));
    });
    // What nobody takes would be opened by the browser, in the place of the page.
    const refuse = (event: DragEvent) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      if (event.type === 'dragover') return;
      const name = event.dataTransfer.files[0]?.name ?? 'this';
      problem.value = `nothing here takes ${name}: drop pictures on the input, and a model’s folder or zip, or a table, anywhere`;
    };
    window.addEventListener('dragover', refuse, { signal: ends.signal });
    window.addEventListener('drop', refuse, { signal: ends.signal });
    return () => ends.abort();
  }, []);
  if (!over) return null;
  return (
    <div class="drop-place">
      {over === 'images'
        ? 'Drop a folder of images here'
        : 'Drop a model’s folder or zip here, or a table (CSV, TSV or Parquet) to colour the map by'}
    </div>
  );
}

/** Few visitors bring a model, so its code is fetched when they do. */
async function openFiles(files: readonly VisitorFile[] | Promise<VisitorFile[]>): Promise<void> {
  try {
    const found = await files;
    const { openVisitorFiles } = await import('../../state/open-files.ts');
    await openVisitorFiles(found);
  } catch (error) {
    problem.value = messageOf(error);
  }
}
