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
const FILLERS = /^(set|data|dataset|split|part|folder|images?|imgs?|photos?|pictures?|pics|files?|\d+)$/;
const GLUED = /^(train|training|val|valid|validation|dev|test|testing|eval|evaluation)(set|data|images?|imgs?)$/;

const wordsOf = (folder: string): string[] =>
  folder
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .match(/\p{L}+|\d+/gu)
    ?.flatMap((word) => GLUED.exec(word)?.slice(1) ?? [word]) ?? [];

/** The split that a folder's name stands for. Whole words decide: `Training_Set` is one, `test_tube` and `trainers` are not. */
export function splitOf(folder: string): SplitName | undefined {
  const rest = wordsOf(folder).filter((word) => !FILLERS.test(word));
  const [word = ''] = rest;
  return rest.length === 1 && Object.hasOwn(SPLIT_WORDS, word) ? SPLIT_WORDS[word] : undefined;
}

/** Whether a folder's name only says that images are in it: `images`, `train_data`. A number may be a class. */
export const saysNothing = (folder: string): boolean =>
  /\p{L}/u.test(folder) && wordsOf(folder).every((word) => FILLERS.test(word) || Object.hasOwn(SPLIT_WORDS, word));

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
  const others = names.filter((name) => splitOf(name) === undefined);
  const splits = names.filter((name) => splitOf(name) !== undefined);
  if (splits.length === 0 || (names.length === 1 && loose === undefined)) return undefined;
  const beside = others.length > 0 ? others : loose === undefined ? [] : [loose];
  if (beside.length > 0) {
    throw new InputError(
      `${where}: ${quoted(splits)} reads as a split, ${quoted(beside)} beside it does not; if all are classes, rename ${quoted(splits)} (class_${splits[0]}); if they are splits, move the rest elsewhere or into train/`,
    );
  }
  for (const name of splits) {
    const split = splitOf(name) as SplitName;
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
