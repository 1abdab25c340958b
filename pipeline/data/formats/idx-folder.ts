import { basename, dirname, join } from 'node:path';
import { InputError } from '../../io/errors.ts';
import { entriesIn } from '../../io/folders.ts';
import type { DataSource, ImageSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { arrayFiles } from './arrays.ts';

type Part = 'train' | 'val' | 'test';
interface PartFiles {
  images?: string;
  labels?: string;
}
/** The files of one data set. */
type SetFiles = Partial<Record<Part, PartFiles>>;

const PARTS: Readonly<Record<string, Part>> = {
  train: 'train',
  t10k: 'test',
  test: 'test',
  val: 'val',
  valid: 'val',
  validation: 'val',
};
/** `train-images-idx3-ubyte.gz`, `t10k-labels.idx1-ubyte`, `emnist-letters-test-images-idx3-ubyte`, `qmnist-train-labels-idx2-int`. */
const IDX =
  /^(?:(?<set>.+)-)?(?<part>train|t10k|test|val|valid|validation)-(?<content>images|labels)[-.]idx\d-(?:ubyte|int)(?:\.gz)?$/;
/** `kmnist-train-imgs.npz`, `k49-test-labels.npz`. */
const NPZ = /^(?<set>k\w+)-(?<part>train|test)-(?<content>imgs|labels)\.npz$/;
/** QMNIST's labels are rows of class, writer and origin (https://github.com/facebookresearch/qmnist). */
const QMNIST_LABELS = /labels[-.]idx2-int/;
/** Where torchvision puts the files, below its root: `MNIST/raw`. */
const SETS = /^(E|F|K|Q|Fashion-?)?MNIST$/i;

/** Whether a folder holds images of MNIST or its relatives under their usual names, itself or in torchvision's folders. */
export const isIdxFolder = async (root: string): Promise<boolean> => (await setsIn(root)).size > 0;

/**
 * Locates the files of MNIST and its relatives by their usual names, with `-` or `.` before `idx`, gzipped or not.
 * @throws InputError when there are several sets, or a file is damaged
 */
export async function locateIdxFolder(root: string, options: DataOptions = {}): Promise<DataSource> {
  const sets = await setsIn(root);
  const [only, other] = sets.values();
  if (!only || other) {
    const [example] = [...sets.values()].flatMap(({ train, test, val }) => train ?? test ?? val ?? []);
    const files = [example?.images, example?.labels].filter((file) => file !== undefined).join(',');
    throw new InputError(
      `${root}: it contains several data sets (${[...sets.keys()].join(', ')}); pass the folder of one, or its images and labels, as in --data ${files}`,
    );
  }
  const notes = new Set<string>();
  const open = async (name: string, { images, labels }: PartFiles): Promise<ImageSource> => {
    const labelColumn = labels !== undefined && QMNIST_LABELS.test(labels) ? 0 : undefined;
    const part = await arrayFiles({ name, images: images as string, labels, labelColumn }, options);
    for (const note of part.notes) notes.add(note);
    return part.source;
  };
  const parts = Object.entries(only) as [Part, PartFiles][];
  const sources: { -readonly [part in Part | 'all']?: ImageSource } = {};
  for (const [part, files] of parts) {
    if (parts.length === 1) sources.all = await open(root, files);
    else sources[part] = await open(`${root}/${part}`, files);
  }
  return { ...sources, notes: [...notes] };
}

async function setsIn(root: string): Promise<Map<string, SetFiles>> {
  const names = await list(root);
  const nested = [...names.filter((name) => SETS.test(name)).map((name) => join(name, 'raw')), 'raw'];
  const folders = [root, ...nested.map((folder) => join(root, folder))];
  const sets = new Map<string, SetFiles>();
  for (const folder of folders) {
    for (const file of (await list(folder)).toSorted()) {
      // the inflated file before the gzipped one
      const { set = nameOf(folder), part, content } = (IDX.exec(file) ?? NPZ.exec(file))?.groups ?? {};
      const own = part && PARTS[part];
      if (!own) continue;
      const files: SetFiles = sets.get(set) ?? {};
      sets.set(set, files);
      files[own] ??= {};
      files[own][content === 'labels' ? 'labels' : 'images'] ??= join(folder, file);
    }
  }
  for (const [set, files] of sets) {
    for (const part of ['train', 'val', 'test'] as const) if (!files[part]?.images) delete files[part];
    if (Object.keys(files).length === 0) sets.delete(set);
  }
  return sets;
}

/** Of a set whose files do not name it: its folder, which torchvision calls `MNIST/raw`. */
const nameOf = (folder: string): string => basename(basename(folder) === 'raw' ? dirname(folder) : folder);

/** The names in a folder that may be those of a set or its files. */
async function list(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of entriesIn(folder))
      if ([SETS, IDX, NPZ].some((own) => own.test(name))) names.push(name);
  } catch {} // the folder of images says what is wrong
  return names;
}
