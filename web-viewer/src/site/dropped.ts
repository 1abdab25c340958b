import { FileProblem } from './problem.ts';
import type { Limits } from './zip.ts';

/** Limits of a drop: no model is larger. */
export const LIMITS: Limits = { files: 2000, bytes: 300e6 };

/** A visitor's file, with its path in the folder that it came from. */
export interface VisitorFile {
  readonly path: string;
  readonly file: Blob;
}

/** Tables of values for a model's images. */
export const TABLE_NAME = /\.(csv|tsv|parquet)$/i;

/** Files by which a drop is a model. */
export const MODEL_FILE = /(^|\/)card\.json$|\.(zip|onnx)$/i;

/**
 * The files of a drop, those in folders included. The transfer is only readable during the event, so call this in its
 * handler.
 * @throws FileProblem when there are too many
 */
export function filesOfDrop({ items }: DataTransfer): Promise<VisitorFile[]> {
  const roots = [...items].flatMap((item): (FileSystemEntry | File)[] => {
    const root = item.kind === 'file' ? (item.webkitGetAsEntry?.() ?? item.getAsFile()) : null;
    return root ? [root] : [];
  });
  return gather(roots);
}

async function gather(roots: readonly (FileSystemEntry | File)[]): Promise<VisitorFile[]> {
  const found: VisitorFile[] = [];
  const walk = async (entry: FileSystemEntry, path: string): Promise<void> => {
    if (found.length > LIMITS.files) throw new FileProblem(`the folder holds more than ${LIMITS.files} files`);
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      found.push({ path, file });
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    const next = () => new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    // A reader returns up to a hundred entries at a time.
    for (let part = await next(); part.length > 0; part = await next()) {
      for (const inner of part) await walk(inner, `${path}/${inner.name}`);
    }
  };
  for (const root of roots) {
    if (root instanceof File) found.push({ path: root.name, file: root });
    else await walk(root, root.name);
  }
  return found;
}

/** The files of a file input, with their paths where a folder was chosen. */
export const filesOfInput = (files: Iterable<File>): VisitorFile[] =>
  Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
