import { useRef } from 'preact/hooks';
import { LIMITS, type VisitorFile } from '../../site/dropped.ts';
import { report } from '../../state/store.ts';
import { Button } from '../../ui/controls.tsx';
import { FileButton } from '../../ui/file-button.tsx';
import { Icon } from './icons.tsx';

/** Opens a model of the visitor’s: files, a zip or a folder. */
export function OpenMenu() {
  const menu = useRef<HTMLDivElement>(null);
  const open = (files: readonly VisitorFile[]) => {
    menu.current?.hidePopover();
    // Few visitors bring a model, so its code is fetched when they do.
    import('../../state/open-files.ts').then(({ openVisitorFiles }) => openVisitorFiles(files)).catch(report);
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
    </>
  );
}
