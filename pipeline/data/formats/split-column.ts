import { InputError } from '../../io/errors.ts';
import { type SplitName, splitOf } from '../split-names.ts';

const SPLITS = ['train', 'val', 'test'] as const;
const COLUMN =
  /^(usage|splits?|subset|partition|phase|fold|(data[ _-]?)?set|(data|set|split)[ _-]?(split|type|name|set))$/i;

/** The column that may say the split of each row, by its name. */
export const splitColumn = (names: readonly string[]): string | undefined =>
  names.find((name) => COLUMN.test(name.trim()));

/** FER2013's names of parts that `splitOf` does not know. */
const OTHERS = new Map<string, SplitName>([
  ['publictest', 'val'],
  ['privatetest', 'test'],
]);

/** The split that a value of the column means, in the spellings that folders have too. */
export function splitOfRow(value: unknown): SplitName | undefined {
  const name = String(value ?? '').trim();
  return OTHERS.get(name.toLowerCase()) ?? splitOf(name);
}

/** The splits that rows are divided into; none: they are a set in one piece. */
interface Splits {
  readonly splits: readonly SplitName[];
  readonly notes: readonly string[];
}

/**
 * The splits that a column says, where there are several.
 * @param rows values of the column, and where they are
 * @param part a split that the names of files or folders say already
 * @throws InputError when some values are splits and others are not, or there are no rows to train on
 */
export async function splitsIn(
  column: string | undefined,
  rows: AsyncIterable<{ readonly value: unknown; readonly where: string }>,
  part?: SplitName,
): Promise<Splits> {
  if (column === undefined) return { splits: [], notes: [] };
  const none = (why: string) => ({ splits: [], notes: [`column '${column}' is not used: ${why}`] });
  if (part !== undefined) return none('the names of files or folders say the splits');
  const firsts = new Map<SplitName | undefined, { readonly shown: string; readonly where: string }>();
  for await (const { value, where } of rows) {
    const split = splitOfRow(value);
    if (!firsts.has(split)) firsts.set(split, { shown: `'${String(value ?? '').slice(0, 40)}'`, where });
  }
  const splits = SPLITS.filter((split) => firsts.has(split));
  const [known, other] = [firsts.get(splits[0]), firsts.get(undefined)];
  if (!known || splits[0] === undefined) return none(`it says ${other?.shown}, not train, val or test`);
  if (other) {
    throw new InputError(
      `${other.where}: its ${column} is ${other.shown}; train, val or test was expected, as ${known.shown} is in ${known.where}; correct it, or rename the column if it says something else`,
    );
  }
  if (splits.length === 1) return none(`it says ${known.shown} of every row; the set is taken in one piece`);
  if (splits[0] !== 'train') {
    throw new InputError(
      `${known.where}: its ${column} is ${known.shown}, and no row is to be trained on; add some, or remove the column`,
    );
  }
  return { splits, notes: [] };
}
