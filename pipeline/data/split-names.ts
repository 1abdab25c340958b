import { InputError } from '../io/errors.ts';

export type SplitName = 'train' | 'val' | 'test';

/** Words that name a split, alone or among `FILLERS`. */
const SPLIT_WORDS: Readonly<Record<string, SplitName>> = {
  train: 'train',
  training: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  dev: 'val',
  test: 'test',
  testing: 'test',
  eval: 'test',
  evaluation: 'test',
};

/** Words that may stand beside them: `train_images`, `testset`, `train2017`. */
const FILLERS =
  /^(set|data|dataset|split|part|folder|images?|imgs?|photos?|pictures?|pics|files?|jpe?gs?|pngs?|final|\d+)$/;
const GLUED = /^(train|training|val|valid|validation|dev|test|testing|eval|evaluation)(set|data|images?|imgs?)$/;

/** The words and numbers of a name, as they are written; versions (`v2`) say nothing. */
const piecesOf = (folder: string): string[] =>
  folder
    .replace(/(?<![\p{L}\d])v\d+(\.\d+)*(?![\p{L}\d])/giu, ' ')
    .replace(/(\p{Ll})(\p{Lu})|(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1$3 $2$4')
    .match(/\p{L}+|\d+/gu)
    ?.flatMap((word) => GLUED.exec(word.toLowerCase())?.slice(1) ?? [word]) ?? [];

const wordsOf = (folder: string): string[] => piecesOf(folder).map((word) => word.toLowerCase());

const isSplitWord = (word: string): boolean => Object.hasOwn(SPLIT_WORDS, word);

/**
 * The split that one word of a name says, and its other words: `train` and `cars` of `Cars_Train`.
 * @returns `written`: these words as they are written
 */
export function splitWithin(folder: string): { split: SplitName; rest: string; written: string } | undefined {
  const [word, other] = wordsOf(folder).filter(isSplitWord);
  if (word === undefined || other !== undefined) return undefined;
  const rest = piecesOf(folder).filter((each) => each.toLowerCase() !== word && !FILLERS.test(each.toLowerCase()));
  const written = rest.join(' ');
  return { split: SPLIT_WORDS[word] as SplitName, rest: written.toLowerCase(), written };
}

/** The split that a folder's name stands for. Whole words decide: `Training_Set` is one, `test_tube` and `trainers` are not. */
export function splitOf(folder: string): SplitName | undefined {
  const { split, rest } = splitWithin(folder) ?? {};
  return rest === '' ? split : undefined;
}

/** The splits that any words of a name say. */
export const splitsNamed = (name: string): SplitName[] => [
  ...new Set(wordsOf(name).flatMap((word) => (isSplitWord(word) ? [SPLIT_WORDS[word] as SplitName] : []))),
];

/** The words of a name that say something. */
const restOf = (name: string): string[] => wordsOf(name).filter((word) => !FILLERS.test(word));

/** Whether a split is the last word of a name that says something else first: `rps-test-set`. `test_tube` is none. */
export function endsAsSplit(name: string): boolean {
  const words = restOf(name);
  return words.length > 1 && words.filter(isSplitWord).length === 1 && isSplitWord(words.at(-1) as string);
}

/**
 * The splits that names beside each other stand for, alone or with the same words: `cars_train` and `cars_test`, or `cars` and
 * `cars_test`.
 */
export function splitsAmong(names: readonly string[]): Map<string, SplitName> {
  const within = names.flatMap((name) => {
    const found = splitWithin(name);
    return found ? [{ name, ...found }] : [];
  });
  const found = new Set(within.map(({ rest, split }) => `${split} ${rest}`));
  const whole = new Set(names.map((name) => restOf(name).join(' ')));
  const isPart = ({ name, rest }: (typeof within)[number]) =>
    rest === '' ||
    (found.has(`train ${rest}`) && (found.has(`val ${rest}`) || found.has(`test ${rest}`))) ||
    (endsAsSplit(name) && whole.has(rest));
  return new Map(within.filter(isPart).map(({ name, split }) => [name, split]));
}

/** Whether a folder's name only says that images are in it: `images`, `train_data`. A number may be a class. */
export const saysNothing = (folder: string): boolean =>
  wordsOf(folder).some((word) => /\p{L}/u.test(word)) &&
  wordsOf(folder).every((word) => FILLERS.test(word) || isSplitWord(word));

/** Whether names differ in a number only that counts parts: `images_001`, `fold_2`. `class_1` is none. */
export function areNumberedParts(folders: readonly string[]): boolean {
  const stemOf = (folder: string) => folder.replace(/\d+/g, '#');
  const [first = ''] = folders;
  const word = wordsOf(first).findLast((each) => !/\d/.test(each)) ?? '';
  return (
    folders.length > 1 &&
    (FILLERS.test(word) || /^(batch|chunk|shard|piece|fold)$/.test(word)) &&
    folders.every((name) => /\d$/.test(name) && stemOf(name) === stemOf(first))
  );
}

/**
 * The split and the class of folders that each say both, as CycleGAN's `trainA`, `trainB`, `testA` and `testB` do.
 * @param names folders beside each other
 * @returns undefined where some folder does not, there is one class only, or one that is not trained on
 */
export function splitsOfClasses(
  names: readonly string[],
): Map<string, { split: SplitName; label: string }> | undefined {
  const found = names.flatMap((name) => {
    const { split, rest, written } = splitWithin(name) ?? {};
    return split && rest ? [{ name, split, rest, written }] : [];
  });
  const key = ({ split, rest }: { split: SplitName; rest: string }) => `${split} ${rest}`;
  const keys = new Set(found.map(key));
  const trained = new Map(found.filter(({ split }) => split === 'train').map(({ rest, written }) => [rest, written]));
  const fits =
    found.length === names.length && keys.size === found.length && trained.size > 1 && trained.size < found.length;
  if (!fits || !found.every(({ rest }) => trained.has(rest))) return undefined;
  return new Map(found.map(({ name, split, rest }) => [name, { split, label: trained.get(rest) as string }]));
}

const quoted = (names: readonly string[]): string => {
  const more = names.length - 3;
  return `${names
    .slice(0, 3)
    .map((name) => `'${name}'`)
    .join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
};

/**
 * Which folders are which split: train and at least one other.
 * @param names folders beside each other that contain images
 * @param loose an image beside them
 * @returns the folder of each split; undefined where no name is a split's, or one folder stands alone
 * @throws InputError where the names can be read as splits and as classes
 */
export function assignSplits(
  names: readonly string[],
  where: string,
  loose?: string,
): Partial<Record<SplitName, string>> | undefined {
  const folders: Partial<Record<SplitName, string>> = {};
  const among = splitsAmong(names);
  const others = names.filter((name) => !among.has(name));
  const splits = [...among.keys()];
  if (splits.length === 0 || (names.length === 1 && loose === undefined)) return undefined;
  const beside = others.length > 0 ? others : loose === undefined ? [] : [loose];
  if (beside.length > 0) {
    throw new InputError(
      `${where}: ${quoted(splits)} reads as a split, ${quoted(beside)} beside it does not; if all are classes, rename ${quoted(splits)} (class_${splits[0]}); if they are splits, move the rest elsewhere or into train/`,
    );
  }
  for (const [name, split] of among) {
    const other = folders[split];
    if (other !== undefined) {
      throw new InputError(
        `${where}: '${other}' and '${name}' both read as ${split}; if they are splits, merge them or move one elsewhere; if they are classes, rename them (class_${name})`,
      );
    }
    folders[split] = name;
  }
  if (folders.train === undefined) {
    throw new InputError(
      `${where}: ${quoted(splits)} read as splits, and there is none to train on; if they are splits, add train/ or pass one of them; if they are classes, rename them (class_${splits[0]})`,
    );
  }
  return folders;
}
