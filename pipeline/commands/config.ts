import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileError, InputError } from '../io/errors.ts';
import type { Option } from './options.ts';

/**
 * A reader of YAML files of options, for yargs: keys are names of options. It gives values as the command line would.
 * @throws InputError (the reader) when the file cannot be read, is no YAML, or has a key or value that is no option's
 */
export const configReader =
  (options: Readonly<Record<string, Option>>) =>
  (path: string): Record<string, string | boolean> => {
    const entries = Object.entries(readConfig(path));
    return Object.fromEntries(entries.map(([key, value]) => [key, optionOf(path, options, key, value)]));
  };

/** The keys and values of a YAML file of options. @throws InputError when it cannot be read or is no YAML */
export function readConfig(path: string): object {
  const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml'); // only where it is needed
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'linePos' in error) {
      throw new InputError(`--config ${path}: it is not YAML (${error.message.split('\n', 1)[0]?.replace(/:$/, '')})`);
    }
    throw fileError(error, `--config ${path}`);
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content;
  throw new InputError(`--config ${path}: expected lines such as \`epochs: 20\`, named after options`);
}

/** Options that only the command line has. */
const LINE_ONLY = ['config', 'trust'];

function optionOf(path: string, options: Readonly<Record<string, Option>>, key: string, value: unknown) {
  const names = Object.keys(options).filter((name) => !LINE_ONLY.includes(name));
  const option = names.includes(key) ? options[key] : undefined;
  if (!option) {
    throw new InputError(`--config ${path}: there is no option '${key}'; did you mean ${nearest(key, names)}?`);
  }
  const isFlag = option.type === 'boolean';
  if (isFlag ? typeof value === 'boolean' : typeof value === 'string' || typeof value === 'number') {
    return isFlag ? (value as boolean) : String(value);
  }
  const expected = isFlag ? 'true or false' : 'one word or number';
  throw new InputError(`--config ${path}: ${key}: ${JSON.stringify(value)}: expected ${expected}`);
}

/** The name with the smallest Levenshtein distance. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const distances = names.map((name) => [distance(word, name), name] as const);
  return distances.reduce((best, other) => (other[0] < best[0] ? other : best), [Infinity, undefined] as readonly [
    number,
    string | undefined,
  ])[1];
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + Number(a[i - 1] !== b[j - 1]);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
