import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printed } from '../../pipeline/commands/output.ts';
import { printable, printableJson, printableLine, quoted } from '../../pipeline/io/printable.ts';

test.each([
  ['\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
  ['two\nlines\r\tand\0', 'two\\x0alines\\x0d\\x09and\\x00'],
  ['\u007f\u009b31m', '\\x7f\\x9b31m'],
  ['a\u202egnp.exe', 'a\\u202egnp.exe'],
  ['\u2028\u2029\ufeff\u2066', '\\u2028\\u2029\\ufeff\\u2066'],
  ['\ud800 half', '\\ud800 half'],
  ['\u{e0041}', '\\u{e0041}'],
  ['Größe 写真 عکس‌ها 👩‍👩‍👧.png C:\\photos', 'Größe 写真 عکس‌ها 👩‍👩‍👧.png C:\\photos'],
])('%j is printed as %s', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('of a long text the middle is left out', () => {
  const text = `${'a'.repeat(40_000)}${'z'.repeat(38_943)}`;
  expect(printable(text)).toBe(`${'a'.repeat(149)}…${'z'.repeat(149)}`);
  expect(printable('a'.repeat(300))).toBe('a'.repeat(300));
  expect(printableLine(text)).toHaveLength(999);
  expect(printable('\u001b'.repeat(200))).toMatch(/^(\\x1b)+.*…/);
});

test('nothing that a terminal obeys is left of any text', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 400 });
  fc.assert(
    fc.property(texts, (text) => {
      const shown = printable(text);
      return shown.length <= 300 && !/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|[\u202a-\u202e\u2066-\u2069]/u.test(shown);
    }),
    { numRuns: 200 },
  );
});

test('JSON keeps its value', () => {
  const value = { 'key\u009b': 'a\u202eb\u007f\u{e0041}\ud800', list: ['\u001b', 'é👩‍👧'] };
  const text = printableJson(value);
  expect(JSON.parse(text)).toEqual(value);
  expect(text).not.toMatch(/[\p{Cc}\u202e\u{e0041}]/u);
});

test.skipIf(process.platform === 'win32')('a shell reads a quoted text as one word', () => {
  const texts = ['photos', './a/b-2.png', 'my photos', "it's", '$HOME `x` "y" \\ *', '~', 'größe', ''];
  const words = execFileSync('sh', ['-c', `printf '%s\\n' ${texts.map(quoted).join(' ')}`], { encoding: 'utf8' });
  expect(words.split('\n').slice(0, -1)).toEqual(texts);
  expect(quoted('./a/b-2.png')).toBe('./a/b-2.png');
});

test('a table has any number of rows', () => {
  const lines = printed({ rows: Array.from({ length: 200_000 }, (_, i) => [i, 'x']) }).split('\n');
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([200_000, '0       x', '199999  x']);
});
