import { readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { callsWithin } from './faults.ts';

/**
 * Flips single bits in the files of a folder, each for a check, and back.
 * @param most bits of each file to try, spread over it
 * @param isFound whether the flip is noticed
 * @returns how many were tried, and those that were not noticed
 */
export async function flipBits(folder: string, most: number, isFound: (file: string) => Promise<boolean>) {
  const missed: string[] = [];
  let tried = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = readFileSync(path);
    for (const number of callsWithin(8 * bytes.length, { calls: most })) {
      const [at, bit] = [Math.floor((number - 1) / 8), (number - 1) % 8];
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      writeFileSync(path, flipped);
      tried++;
      const file = relative(folder, path);
      if (!(await isFound(file))) missed.push(`bit ${bit} of byte ${at} of ${file}`);
    }
    writeFileSync(path, bytes);
  }
  return { tried, missed };
}
