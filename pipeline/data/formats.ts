import { existsSync, statSync } from 'node:fs';
import { InputError } from '../io/errors.ts';
import { idxFolder, openArrays } from './array-files.ts';
import type { DataSource } from './dataset.ts';
import { imageFolder } from './folder.ts';
import { IMAGE_FILE } from './image-file.ts';
import { openMnist } from './mnist.ts';
import { isNpz, npzFile } from './npz.ts';

interface DataFormat {
  /** How to write it after `--data`. */
  readonly usage: string;
  /** Whether an existing file or folder is of this format. */
  readonly matches: (path: string) => boolean | Promise<boolean>;
  readonly locate: (path: string, labels: string | undefined, spec: string) => DataSource | Promise<DataSource>;
  /** What the path is, for formats that contain their labels: they take no file of labels. */
  readonly labelled?: string;
}

const isFolder = (path: string) => statSync(path).isDirectory();

/** Data sets known by name. */
const named = new Map<string, DataSource>([
  ['mnist', { train: () => openMnist('train'), test: () => openMnist('test') }],
]);

/**
 * The formats of files and folders; the first that matches is used. To add one, write a file that locates its images (see
 * `DataSource`) and turns them into a data set (see `defineDataset`), and add a row here.
 */
const formats: readonly DataFormat[] = [
  {
    usage: 'FOLDER of idx files',
    matches: (path) => isFolder(path) && idxFolder(path) !== undefined,
    locate: (path) => idxFolder(path) as DataSource,
    labelled: 'a folder, and its labels are idx files in it',
  },
  {
    usage: 'FOLDER of images, optionally in train/ and test/ (subfolders are classes)',
    matches: isFolder,
    locate: imageFolder,
    labelled: 'a folder, and its subfolders are the classes',
  },
  {
    usage: 'FILE.npz',
    matches: isNpz,
    locate: npzFile,
    labelled: 'an npz file, and its labels are an array in it',
  },
  {
    usage: 'IMAGES[,LABELS] (idx or npy files, gzipped or not)',
    matches: (path) => !IMAGE_FILE.test(path),
    locate: (images, labels, name) => ({ all: () => openArrays({ name, images, labels }) }),
  },
];

/** The possible values of `--data`. */
export const DATA_FORMS = [...named.keys(), ...formats.map(({ usage }) => usage)].join(' | ');

/**
 * Locates the images of a value of `--data`, see `DATA_FORMS`.
 * @throws InputError when there is no such file or folder, its format is unknown, or it takes no file of labels
 */
export async function locateData(spec: string): Promise<DataSource> {
  const source = named.get(spec);
  if (source) return source;
  const comma = existsSync(spec) ? -1 : spec.lastIndexOf(',');
  const path = comma < 0 ? spec : spec.slice(0, comma);
  const labels = comma < 0 ? undefined : spec.slice(comma + 1);
  const missing = [path, labels].find((file) => file !== undefined && !existsSync(file));
  if (missing !== undefined) {
    throw new InputError(`--data ${spec}: there is no file or folder '${missing}'; --data takes ${DATA_FORMS}`);
  }
  for (const { matches, locate, labelled } of formats) {
    if (!(await matches(path))) continue;
    if (labels === undefined || !labelled) return locate(path, labels, spec);
    throw new InputError(`--data ${spec}: ${path} is ${labelled}; omit '${labels}'`);
  }
  throw new InputError(`${path}: it is a single image; pass its folder instead`);
}
