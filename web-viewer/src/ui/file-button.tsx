import { filesOfInput, type VisitorFile } from '../site/dropped.ts';

interface Props {
  readonly name: string;
  /** Whether a folder is chosen, with everything in it; else files. */
  readonly folder?: boolean;
  /** The types of files that are offered. */
  readonly accept?: string;
  readonly onFiles: (files: VisitorFile[]) => void;
}

const makeFolderChooser = (chooser: HTMLInputElement | null) => {
  if (chooser) chooser.webkitdirectory = true;
};

/** A button that lets the visitor choose files, or a folder. */
export function FileButton({ name, folder = false, accept = '', onFiles }: Props) {
  return (
    <label class="button choose">
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
