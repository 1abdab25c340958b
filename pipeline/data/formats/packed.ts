import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { DataOptions } from '../options.ts';
import { OTHER_ARCHIVE, refuseArchive } from './archive.ts';
import { cifarSource, isCifar } from './cifar.ts';
import { classArraysSource, isArrayFolder } from './class-arrays.ts';
import { CSV_FILE, csvSource } from './csv.ts';
import { isFileTable, locateFileTable } from './file-table.ts';
import { parquetSource } from './parquet.ts';
import { isParquet, PARQUET_FILE } from './parquet-file.ts';
import { hasShards } from './shards.ts';
import { isStl10, stl10Source } from './stl10.ts';
import { JSON_LINES } from './tables.ts';
import { TAR_FILE, tarSource } from './tar.ts';
import { isImageZip, zipSource } from './zip.ts';

const isFolder = (path: string) => statSync(path).isDirectory();
const locate =
  <T>(open: (path: string, options: DataOptions) => T) =>
  (path: string, _labels: string | undefined, _spec: string, options: DataOptions): T =>
    open(path, options);

/** Whether a folder has tar archives, each with a table of the same name, as img2dataset writes them: those are not images. */
async function isDownloaded(folder: string): Promise<boolean> {
  const names = new Set(await readdir(folder).catch(() => [])); // `hasShards` says what is wrong
  return [...names].some((name) => TAR_FILE.test(name) && names.has(name.replace(TAR_FILE, '.parquet')));
}

/** Formats that hold many images in a file; those of folders of such files come before folders of images. */
export const packedFormats = [
  {
    matches: isCifar,
    locate: locate(cifarSource),
    labelled: "CIFAR's, and its labels stand before the images",
  },
  {
    matches: isStl10,
    locate: locate(stl10Source),
    labelled: "STL-10's, and its labels are in files beside the images",
  },
  {
    matches: (path: string) => !isFolder(path) && (JSON_LINES.test(path) || isFileTable(path)),
    locate: locate(locateFileTable),
    labelled: 'a table, and its labels are a column',
  },
  {
    matches: async (path: string) =>
      isFolder(path) ? !(await isDownloaded(path)) && hasShards(path, PARQUET_FILE) : isParquet(path),
    locate: locate(parquetSource),
    labelled: 'Parquet, and its labels are a column',
  },
  {
    matches: (path: string) => (isFolder(path) ? hasShards(path, CSV_FILE) : CSV_FILE.test(path)),
    locate: locate(csvSource),
    labelled: 'a table, and its labels are a column',
  },
  {
    matches: (path: string) =>
      isFolder(path) ? hasShards(path, TAR_FILE) : TAR_FILE.test(path) || OTHER_ARCHIVE.test(path),
    locate: locate((path, options) => (OTHER_ARCHIVE.test(path) ? refuseArchive(path) : tarSource(path, options))),
    labelled: 'an archive, and its labels are in it',
  },
  {
    matches: (path: string) => isFolder(path) && isArrayFolder(path),
    locate: locate(classArraysSource),
    labelled: 'a folder, and its files are the classes',
  },
  {
    matches: (path: string) => !isFolder(path) && isImageZip(path),
    locate: locate(zipSource),
    labelled: 'an archive, and its labels are in it',
  },
];
