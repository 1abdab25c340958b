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

const wordsOf = (folder: string): string[] =>
  folder
    .replace(/(\p{Ll})(\p{Lu})|(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1$3 $2$4')
    .toLowerCase()
    .match(/\p{L}+|\d+/gu)
    ?.flatMap((word) => GLUED.exec(word)?.slice(1) ?? [word]) ?? [];

const isSplitWord = (word: string): boolean => Object.hasOwn(SPLIT_WORDS, word);

/** The split that one word of a name says, and its other words: `train` and `cars` of `cars_train`. */
export function splitWithin(folder: string): { split: SplitName; rest: string } | undefined {
  const words = wordsOf(folder).filter((word) => !FILLERS.test(word));
  const [word, other] = words.filter(isSplitWord);
  if (word === undefined || other !== undefined) return undefined;
  return { split: SPLIT_WORDS[word] as SplitName, rest: words.filter((each) => each !== word).join(' ') };
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

/** The splits that names beside each other stand for, alone or with the same words: `cars_train` and `cars_test`. */
function splitsAmong(names: readonly string[]): Map<string, SplitName> {
  const within = names.flatMap((name) => {
    const found = splitWithin(name);
    return found ? [{ name, ...found }] : [];
  });
  const found = new Set(within.map(({ rest, split }) => `${split} ${rest}`));
  const isPart = (rest: string) =>
    rest === '' || (found.has(`train ${rest}`) && (found.has(`val ${rest}`) || found.has(`test ${rest}`)));
  return new Map(within.filter(({ rest }) => isPart(rest)).map(({ name, split }) => [name, split]));
}

/** Whether a folder's name only says that images are in it: `images`, `train_data`. A number may be a class. */
export const saysNothing = (folder: string): boolean =>
  /\p{L}/u.test(folder) && wordsOf(folder).every((word) => FILLERS.test(word) || isSplitWord(word));

/** Whether names differ in a number only that counts parts: `images_001`, `images_part_2`. `class_1` is none. */
export function areNumberedParts(folders: readonly string[]): boolean {
  const stemOf = (folder: string) => folder.replace(/\d+/g, '#');
  const [first = ''] = folders;
  const word = wordsOf(first).findLast((each) => !/\d/.test(each)) ?? '';
  return (
    folders.length > 1 &&
    (FILLERS.test(word) || /^(batch|chunk|shard|piece)$/.test(word)) &&
    folders.every((name) => /\d$/.test(name) && stemOf(name) === stemOf(first))
  );
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
