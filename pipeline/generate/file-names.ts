import { IMAGE_FILE } from '../data/image-file.ts';

/**
 * A PNG file's name for each image: its id, where that is an image file's with another ending. Those that would be
 * another's (also on systems that do not tell capitals from small letters) are appended to.
 * @param reserved names that other files have
 */
export function fileNames(ids: readonly string[], reserved: readonly string[]): string[] {
  const taken = new Set(reserved.map(folded));
  return ids.map((id) => {
    let name = `${id.replace(IMAGE_FILE, '')}.png`;
    if (taken.has(folded(name))) name = `${id}.png`;
    while (taken.has(folded(name))) name += '.png';
    taken.add(folded(name));
    return name;
  });
}

const folded = (name: string): string => name.toLowerCase();
