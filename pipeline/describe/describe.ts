import { writeFile } from 'node:fs/promises';
import { closeSplits } from '../data/dataset.ts';
import { openSplits } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { checkOutside } from '../data/outside.ts';
import { type DataSummary, summaryOf } from '../data/summary.ts';
import { publishFile } from '../io/publish.ts';
import { checkTarget } from '../io/target.ts';
import { drawSheet } from '../pictures/sheet.ts';

/** The summary of a data set, and the contact sheet that was written. */
export type Description = DataSummary & { readonly sheet?: string };

/**
 * Describes the images of a value of `--data` as a model sees them.
 * @param sheet PNG file to write: a contact sheet of the training images
 * @throws InputError, EnvironmentError, Interrupted as `openSplits`
 */
export async function describeData(data: string, options: DataOptions, sheet?: string): Promise<Description> {
  if (sheet !== undefined) {
    await checkTarget('file', sheet);
    await checkOutside(data, sheet);
  }
  const splits = await openSplits(data, options);
  try {
    if (sheet === undefined) return summaryOf(splits);
    const { png } = await drawSheet(splits.train);
    await publishFile(sheet, (path) => writeFile(path, png), { signal: options.signal });
    return { ...summaryOf(splits), sheet };
  } finally {
    await closeSplits(splits);
  }
}
