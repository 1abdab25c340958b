import { existsSync, statSync } from 'node:fs';
import { basename, isAbsolute, relative, resolve } from 'node:path';
import { InputError } from '../io/errors.ts';
import { openFile, readUpTo } from '../io/source.ts';
import { IMAGE_FILE } from './decode.ts';
import { locateArrays } from './formats/arrays.ts';
import { isCifar } from './formats/cifar.ts';
import { locateFolder } from './formats/folder.ts';
import { isIdxFolder, locateIdxFolder } from './formats/idx-folder.ts';
import { locateImage } from './formats/image.ts';
import { LIST_FILE, locateList } from './formats/list.ts';
import { locateMnist } from './formats/mnist.ts';
import { locateNpz } from './formats/npz.ts';
import { isNpz } from './formats/npz-members.ts';
import { ARROW, OTHER_IMAGE, remedyFor } from './formats/other-files.ts';
import { packedFormats } from './formats/packed.ts';
import { isStl10 } from './formats/stl10.ts';
import type { DataSource } from './image-source.ts';
import type { DataOptions } from './options.ts';

interface DataFormat {
  /** Whether an existing file or folder is of this format. */
  matches(path: string): boolean | Promise<boolean>;
  locate(
    path: string,
    labels: string | undefined,
    spec: string,
    options: DataOptions,
  ): DataSource | Promise<DataSource>;
  /** What the path is, for formats that contain their labels: they take no file of labels. */
  readonly labelled?: string;
}

const isFolder = (path: string) => statSync(path).isDirectory();

/** Whether a file begins as idx, npy or gzip. */
const isArray = async (path: string): Promise<boolean> =>
  /^(00000[89b-e]0[1-4]|934e554d5059|1f8b)/.test(await startOf(path, 8));

/** Data sets known by name. */
const named = new Map<string, () => Promise<DataSource>>([['mnist', locateMnist]]);

/** The formats of files and folders; the first that matches is used. To add one, write a file in `formats/`, add a row, and a line to `forms.ts`. */
const formats: readonly DataFormat[] = [
  {
    matches: async (path) => isFolder(path) && (await isIdxFolder(path)),
    locate: (path, _labels, _spec, options) => locateIdxFolder(path, options),
    labelled: 'a folder, and its labels are idx files in it',
  },
  ...packedFormats,
  {
    matches: isFolder,
    locate: (path, _labels, _spec, options) => locateFolder(path, options),
    labelled: 'a folder, and its subfolders are the classes',
  },
  {
    matches: (path) => IMAGE_FILE.test(path),
    locate: (path, _labels, _spec, options) => locateImage(path, options),
    labelled: 'an image',
  },
  {
    matches: (path) => LIST_FILE.test(path),
    locate: (path, _labels, _spec, options) => locateList(path, options),
    labelled: 'a list, and its labels stand after the paths',
  },
  {
    matches: isNpz,
    locate: (path, _labels, _spec, options) => locateNpz(path, options),
    labelled: 'an npz file, and its labels are an array in it',
  },
  {
    matches: isArray,
    locate: (images, labels, name, options) => locateArrays({ name, images, labels }, options),
  },
];

/** What `--data` takes, in a few words, for messages; `DATA_FORMS` lists it. */
const EXPECTED = `${[...named.keys()].join(', ')}, or a folder, file or archive of images or arrays (\`convae data --help\` lists all forms)`;

/** Formats that are not read, by their first bytes in hexadecimal, and what to do. */
const OTHERS: readonly (readonly [start: RegExp, what: string])[] = [
  [
    /^80(02|03|04|05)/,
    'a Python pickle, which is not read because it can run any code; save its arrays with numpy.savez',
  ],
  [/^894844460d0a1a0a/, 'HDF5 (.h5 or .mat), which is not read; save its arrays with numpy.savez'],
  [
    /^4d41544c41422035/,
    "MATLAB's .mat, which is not read; save its arrays with numpy.savez (scipy.io.loadmat reads it)",
  ],
  [/^(4152524f5731|ffffffff)/, `Arrow: ${ARROW}`],
  [
    /^(efbbbf)?(20|09|0a|0d)*(5b|7b)/,
    'JSON, which is not read; write a JSON object a line into a .jsonl file, with file_name and label',
  ],
  [
    /^(425a68|fd377a585a|28b52ffd|377abcaf|52617221)/,
    'compressed (bzip2, xz, zstd, 7z or rar), which is not read; extract it',
  ],
  [
    /^(2[bd])?(3\d)+(2e(3\d)+)?203\d(3\d)*3a/,
    "LIBSVM's text, which is not read; save its arrays with numpy.savez (sklearn.datasets.load_svmlight_file reads it)",
  ],
];

/**
 * Locates the images of a value of `--data`, see `DATA_FORMS`.
 * @throws InputError when there is no such file or folder, its format is unknown, it takes no file of labels, or has no columns but
 * one is asked for
 */
export async function locateData(spec: string, options: DataOptions = {}): Promise<DataSource> {
  const known = named.get(spec);
  if (known) return asAsked(spec, await known(), options);
  const { path, labels } = pathsIn(spec);
  const missing = [path, labels].find((file) => file !== undefined && !existsSync(file));
  if (missing !== undefined) {
    const remedy = /^\w+:\/\//.test(spec) ? 'download it first' : `expected ${EXPECTED}`;
    throw new InputError(`--data ${spec}: there is no file or folder '${missing}'; ${remedy}`);
  }
  const remedy = isFolder(path) ? undefined : remedyFor([path]);
  if (remedy !== undefined) throw new InputError(`--data ${spec}: ${path} holds no images that are read: ${remedy}`);
  for (const { matches, locate, labelled } of formats) {
    if (!(await matches(path))) continue;
    if (labels === undefined || !labelled) return asAsked(spec, await locate(path, labels, spec, options), options);
    throw new InputError(`--data ${spec}: ${path} is ${labelled}; omit '${labels}'`);
  }
  const start = await startOf(path, 8);
  const other = OTHERS.find(([magic]) => magic.test(start));
  if (other) throw new InputError(`--data ${spec}: ${path} is ${other[1]}`);
  if (OTHER_IMAGE.test(path))
    throw new InputError(`--data ${spec}: ${path} is of a format that is not read; convert it to png or jpg`);
  const shown = start.slice(0, 8).replace(/(..)(?=.)/g, '$1 ') || 'nothing';
  throw new InputError(`--data ${spec}: ${path} is of no known form: it starts with ${shown}; expected ${EXPECTED}`);
}

function asAsked(spec: string, source: DataSource, { label }: DataOptions): DataSource {
  if (label === undefined || source.label === label) return source;
  throw new InputError(`--label ${label}: ${spec} has no columns, a table was expected; omit it`);
}

/** Whether a value of `--data` is a folder in which image files are read, at any depth, or would be once there are some. */
export async function readsImageFiles(spec: string): Promise<boolean> {
  if (named.has(spec) || !statSync(spec, { throwIfNoEntry: false })?.isDirectory()) return false;
  return !(await isIdxFolder(spec)) && !(await isCifar(spec)) && !isStl10(spec);
}

function pathsIn(spec: string): { path: string; labels: string | undefined } {
  const comma = existsSync(spec) ? -1 : spec.lastIndexOf(',');
  return comma < 0 ? { path: spec, labels: undefined } : { path: spec.slice(0, comma), labels: spec.slice(comma + 1) };
}

function filesIn(spec: string): string[] {
  const { path, labels } = pathsIn(spec);
  return [path, ...(labels === undefined ? [] : [labels])];
}

/** A value of `--data` with other paths. */
const withPaths = (spec: string, change: (path: string) => string): string =>
  named.has(spec) ? spec : filesIn(spec).map(change).join(',');

/** A value of `--data` that means the same in any working folder, as runs, cards and plans record it. */
export const absoluteSpec = (spec: string): string => withPaths(spec, (file) => resolve(file));

/** A recorded value of `--data` that means the same in this working folder, with relative paths where they are shorter. */
export const shortSpec = (spec: string): string =>
  withPaths(spec, (file) => {
    const short = relative('', file) || '.';
    if (!isAbsolute(file) || short.length >= file.length) return file;
    return named.has(short) ? `./${short}` : short;
  });

/** A value of `--data` without the folders that the files are in. */
export const nameOfSpec = (spec: string): string => withPaths(spec, (file) => basename(file));

/** The first bytes of a file, in hexadecimal. @throws InputError for a pipe or a device */
async function startOf(path: string, count: number): Promise<string> {
  const file = await openFile(path);
  return readUpTo(file, count)
    .then((bytes) => bytes.toString('hex'))
    .finally(() => file.close());
}
