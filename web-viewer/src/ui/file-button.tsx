import { filesOfInput, type VisitorFile } from '../site/dropped.ts';

interface Props {
  readonly name: string;
  /** Whether a folder is chosen, with everything in it; else files. */
  readonly folder?: boolean;
  readonly class?: string;
  readonly title?: string;
  /** The types of files that are offered. */
  readonly accept?: string;
  readonly onFiles: (files: VisitorFile[]) => void;
}

const makeFolderChooser = (chooser: HTMLInputElement | null) => {
  if (chooser) chooser.webkitdirectory = true;
};

/** A button that lets the visitor choose files, or a folder. */
export function FileButton({
  name,
  folder = false,
  accept = '',
  onFiles,
  class: look = 'button choose',
  title,
}: Props) {
  return (
    <label class={look} title={title}>
      {name}
      <input
        class="visually-hidden"
        type="file"
        multiple
        accept={accept}
        {...(folder && { ref: makeFolderChooser })}
        onChange={({ currentTarget }) => {
          const files = filesOfInput(currentTarget.files ?? []);
          // Allows choosing the same files again.
          currentTarget.value = '';
          if (files.length > 0) onFiles(files);
        }}
      />
    </label>
  );
}
