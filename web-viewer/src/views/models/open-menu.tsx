import { useEffect, useRef, useState } from 'preact/hooks';
import { filesOfDrop, filesOfInput, LIMITS, looksLikeModel, mayBeModel, type VisitorFile } from '../../site/dropped.ts';
import { openVisitorFiles } from '../../state/open-files.ts';
import { problem } from '../../state/store.ts';
import { Icon } from './icons.tsx';

/** Opens a model of the visitor's: files, a zip or a folder, chosen or dropped anywhere on the page. */
export function OpenMenu() {
  const menu = useRef<HTMLDivElement>(null);
  const take = (event: Event) => {
    const chooser = event.currentTarget as HTMLInputElement;
    const files = filesOfInput(chooser.files ?? []);
    // Allows choosing the same files again.
    chooser.value = '';
    menu.current?.hidePopover();
    if (files.length > 0) void openVisitorFiles(files);
  };
  return (
    <>
      <button type="button" class="action" popovertarget="open-model">
        <Icon name="open" />
        <span class="word">Open a model</span>
      </button>
      <div ref={menu} id="open-model" class="menu opening" popover="auto" role="dialog" aria-label="Open a model">
        <p>
          Open your own model: drop its folder or a zip anywhere on this page, or choose it here. It stays in your
          browser; nothing is sent anywhere.
        </p>
        <div class="row">
          <label class="button choose">
            Files or a zip…
            <input class="visually-hidden" type="file" multiple onChange={take} />
          </label>
          <label class="button choose">
            A folder…
            <input class="visually-hidden" type="file" ref={makeFolderChooser} onChange={take} />
          </label>
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

function makeFolderChooser(chooser: HTMLInputElement | null): void {
  if (chooser) chooser.webkitdirectory = true;
}

/** Opens models dropped on the page. Pictures are handled by the element that they are dropped on. */
function DropPlace() {
  const [over, setOver] = useState(false);
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
      setOver(true);
    });
    on('dragleave', (event) => {
      // The pointer left the window.
      if (event.relatedTarget === null) setOver(false);
    });
    on('drop', (event, transfer) => {
      setOver(false);
      if (!looksLikeModel(transfer)) return;
      event.preventDefault();
      event.stopPropagation();
      void openDropped(filesOfDrop(transfer));
    });
    return () => ends.abort();
  }, []);
  return over ? <div class="drop-place">Drop the model’s folder or zip here</div> : null;
}

async function openDropped(files: Promise<VisitorFile[]>): Promise<void> {
  try {
    await openVisitorFiles(await files);
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error);
  }
}
