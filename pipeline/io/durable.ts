import { mkdir, open, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those that it is in, where they are missing. Node's own `recursive` calls a folder that cannot be
 * made on a read-only disk missing.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeFolder(dirname(path));
      await makeFolder(path);
    } else if (!(await stat(path).catch(() => undefined))?.isDirectory()) throw error;
  }
}

/** Writes a file, its folder included, and waits until the disk has it. */
export async function writeDurably(path: string, data: string | Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  const file = await open(path, 'w');
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Waits until the disk has a folder's entries. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // folders cannot be opened there, and renames are journalled
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Points a link at another folder in one step: whoever looks sees the old or the new.
 * @param target absolute, or relative to the link's folder
 */
export async function switchLink(target: string, link: string): Promise<void> {
  const fresh = `${link}.next`;
  await rm(fresh, { force: true });
  await symlink(target, fresh, 'junction');
  // Windows cannot rename over a link to a folder.
  if (process.platform === 'win32') await rm(link, { force: true });
  await rename(fresh, link);
  await syncFolder(dirname(link));
}
