import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configReader, nearest } from '../../pipeline/commands/config.ts';
import { options } from '../../pipeline/commands/options.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { temporaryFolder } from '../train/folders.ts';

const folderOf = (content: string) => {
  const path = join(temporaryFolder(), 'recipe.yaml');
  writeFileSync(path, content);
  return path;
};
const read = configReader(options);

test('a file gives options as the command line would', () => {
  const path = folderOf(
    '# a comment\nepochs: 20\nlearning-rate: 3e-4\ndata: ./my photos\nquiet: true\nschedule: cosine\n',
  );
  expect(read(path)).toEqual({
    epochs: '20',
    'learning-rate': '0.0003',
    data: './my photos',
    quiet: true,
    schedule: 'cosine',
  });
});

test.each([
  ['epoch: 3', /there is no option 'epoch'; did you mean epochs\?/],
  ['learningrate: 3', /'learningrate'; did you mean learning-rate\?/],
  ['config: other.yaml', /there is no option 'config'/],
  ['quiet: 1', /quiet: 1: expected true or false/],
  ['epochs: [1, 2]', /epochs: \[1,2\]: expected one word or number/],
  ['epochs:', /epochs: null: expected/],
  ['just words', /expected lines such as/],
  ['a: b: c', /it is not YAML \(/],
])('%s is refused in one line', (content, message) => {
  const path = folderOf(content);
  const reading = () => read(path);
  expect(reading).toThrow(InputError);
  expect(reading).toThrow(message);
  expect(reading).toThrow(`--config ${path}`);
  expect(reading).not.toThrow('\n');
});

test('the nearest name', () => {
  expect(nearest('lattent', ['epochs', 'latent', 'data'])).toBe('latent');
  expect(nearest('dat', ['epochs', 'latent', 'data'])).toBe('data');
});
