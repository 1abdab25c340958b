import type { PathList } from './path-list.ts';
import { saysNothing, splitOf } from './split-names.ts';

/** Names of folders that may hold masks rather than images of a class. */
export const MASK_FOLDER =
  /^(.*[ _-])?(masks?|trimaps?|labels?|annotations?|segmentation.*|ground[ _-]?truths?|gt(fine)?)$/i;
/** What a mask may have behind the name of its image. */
const SUFFIX = /[ _-](masks?|segmentation|seg|labels?|gt)$/i;

/** The name of an image, without extension. */
const stemOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');

/**
 * Folders that hold masks of images: `ground_truth` beside `train` and `test` (MVTec AD), or one such as `masks` beside one such as
 * `images` (VOC, Oxford-IIIT Pet) where each file has the name of an image there.
 * @param folders a path of each folder
 * @returns with a slash at the end
 */
export function maskFolders(paths: PathList, folders: PathList): string[] {
  const candidates = new Set<string>();
  for (const path of folders) {
    const names = path.split('/').slice(0, -1);
    const at = names.findIndex((name) => MASK_FOLDER.test(name));
    if (at >= 0) candidates.add(`${names.slice(0, at + 1).join('/')}/`);
  }
  return [...candidates].filter((folder) => {
    const parent = folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);
    const has = (name: string) => folders.find((path) => path.startsWith(`${parent}${name}/`)) !== undefined;
    if (folder === `${parent}ground_truth/` && has('train') && has('test')) return true;
    const images = new Set<string>();
    for (const path of paths) {
      const end = path.startsWith(parent) ? path.indexOf('/', parent.length) : -1;
      const beside = path.slice(parent.length, Math.max(end, parent.length));
      if (saysNothing(beside) && splitOf(beside) === undefined) images.add(stemOf(path));
    }
    const named = (path: string) => images.has(stemOf(path)) || images.has(stemOf(path).replace(SUFFIX, ''));
    return images.size > 0 && paths.find((path) => path.startsWith(folder) && !named(path)) === undefined;
  });
}
