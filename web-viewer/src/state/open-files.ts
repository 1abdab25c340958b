import type { VisitorFile } from '../site/dropped.ts';
import { manifestOf, modelAmong, readVisitorFiles, sizeOf } from '../site/exported-folder.ts';
import { hosted } from '../site/files.ts';
import { FileProblem } from '../site/problem.ts';
import { open } from './open.ts';
import { readModel, root } from './read-model.ts';

/** Opens a model from the visitor's files: a zip, a folder, or loose files. Failures are reported in `problem`. */
export async function openVisitorFiles(files: readonly VisitorFile[]): Promise<void> {
  await open('your model', true, async (meter) => {
    meter.expect(sizeOf(files));
    return readModel(modelAmong(await readVisitorFiles(files, meter.add)), meter);
  });
}

/**
 * Opens a model from a folder of this host.
 * @param path of the folder, relative to the page or the host's root, or a full URL on this host
 * @returns whether it is open
 */
export async function openLink(path: string): Promise<boolean> {
  return open(path, true, async (meter) =>
    readModel({ source: hosted(folderOf(path)), makeManifest: (card) => manifestOf(new Map(), card) }, meter),
  );
}

/** @throws FileProblem when the path is not a folder of this host */
function folderOf(path: string): URL {
  const base = new URL(root.url(''));
  let folder: URL;
  try {
    folder = new URL(`${path.replace(/[^/]*\.json$/, '').replace(/\/+$/, '')}/`, base);
  } catch {
    throw new FileProblem(`${path} is not a URL`);
  }
  if (folder.origin === base.origin) return folder;
  throw new FileProblem(
    `this page may not fetch from ${folder.host || folder.protocol}: download the model’s folder and drop it here`,
  );
}
