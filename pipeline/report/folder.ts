import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Picture } from './pictures.ts';

/** Writes a report into a folder: its figures as JSON, `report.html`, `report.md` and `pictures/`. @param file for the figures */
export async function writeReport(
  folder: string,
  file: string,
  report: object,
  { page, text, pictures }: { page: string; text: string; pictures: readonly Picture[] },
): Promise<void> {
  await mkdir(join(folder, 'pictures'));
  await writeFiles(folder, {
    [file]: `${JSON.stringify(report, null, 2)}\n`,
    'report.md': text,
    'report.html': page,
    ...Object.fromEntries(pictures.map(({ file, data }) => [`pictures/${file}`, data])),
  });
}

/** Writes files into a folder, by name. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [file, data] of Object.entries(files)) await writeFile(join(folder, file), data);
}
