import { InputError } from '../io/errors.ts';
import type { DatasetSplits, ImageDataset } from './dataset.ts';
import { subset } from './split.ts';

/**
 * Restricts all parts of a data set to the images of some classes. Labels and class names stay as they are.
 * @param names of the classes; a single name with commas in it may be given in pieces
 * @param holdsOut whether validation images will be held out of the training images
 * @throws InputError when the images have no labels, there is no such class, or a part that training needs has none of them
 */
export function onlyClasses(splits: DatasetSplits, names: readonly string[], holdsOut = false): DatasetSplits {
  const { name, train, val, test } = splits;
  const labels = classIndices(train, names, '--only-class');
  const restrict = (part: ImageDataset | undefined) => {
    const rows = part && rowsOfClasses(part, labels);
    return part && rows && rows.length > 0 ? subset(part, part.name, rows) : undefined;
  };
  const [own, refuse] = [
    restrict(train),
    (what: string, also = '') =>
      new InputError(`${name}: ${what} of --only-class ${names}; name more classes, or add images of these${also}`),
  ];
  if (!own) throw refuse('it has no training images');
  const held = { val: restrict(val), test: restrict(test) };
  if (!held.val && !held.test && (val || test) && !(holdsOut && own.length > 1))
    throw refuse('it has neither validation nor test images', ', or train with --val-split 0.1');
  return { ...splits, train: own, ...held, onlyClass: labels.map((label) => train.classes?.[label] as string) };
}

/** Indices of the images that have one of the labels. */
export function rowsOfClasses({ labels }: Pick<ImageDataset, 'labels'>, wanted: readonly number[]): Uint32Array {
  const rows: number[] = [];
  labels?.forEach((label, row) => {
    if (wanted.includes(label)) rows.push(row);
  });
  return Uint32Array.from(rows);
}

/**
 * Labels of classes, ascending.
 * @param names as `onlyClasses` takes them
 * @param option that they were given by, for messages
 * @throws InputError when the images have no classes, or there is none of a name
 */
export function classIndices(
  { name, classes, labels }: Pick<ImageDataset, 'name' | 'classes' | 'labels'>,
  names: readonly string[],
  option: string,
): number[] {
  const text = names.join(',');
  if (!classes || !labels) throw new InputError(`${option} ${text}: ${name} has no labels; give labelled data`);
  const indexOf = (name: string) => classes.findIndex((own) => own.normalize() === name.normalize());
  const found = (indexOf(text) >= 0 ? [text] : names).map((name) => ({ name, label: indexOf(name) }));
  const unknown = found.find(({ label }) => label < 0);
  if (unknown) {
    const listed = `${classes.slice(0, 20).join(', ')}${classes.length > 20 ? ', …' : ''}`;
    throw new InputError(`${option} ${text}: ${name} has no class '${unknown.name}'; its classes are ${listed}`);
  }
  return [...new Set(found.map(({ label }) => label))].sort((a, b) => a - b);
}
