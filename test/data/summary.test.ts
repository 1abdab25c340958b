import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSplits } from '../../pipeline/data/open.ts';
import { summaryOf, summaryRows } from '../../pipeline/data/summary.ts';
import { pngBytes } from './images.ts';
import { scratchFolder } from './support.ts';

const scratch = scratchFolder();

test('counts all images, also those of sizes too rare for the list', async () => {
  const folder = scratch('sizes');
  await mkdir(folder);
  for (let width = 8; width < 38; width++) {
    const red = Array.from({ length: width * 8 * 3 }, (_, i) => (i % 3 === 0 ? 200 + (width % 50) : 9));
    await writeFile(join(folder, `${width}.png`), pngBytes(width, 8, 8, 2, red));
  }
  const summary = summaryOf(await openSplits(folder, { size: { height: 8, width: 8 }, cache: scratch('cache') }));
  expect(summary.sizes).toHaveLength(20);
  expect(Object.fromEntries(summaryRows(summary)).colour).toBe('30 of 30 in colour');
});
