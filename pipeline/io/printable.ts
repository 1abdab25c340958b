/** Characters of a text from outside: a name, a header. */
const MOST = 300;
/** Characters of a line, which may have several such texts. */
const MOST_OF_LINE = 1000;

/**
 * Characters that a terminal obeys or that hide or turn around what follows: control and format characters (but for the
 * joiners, which scripts and emoji need), separators of lines, and halves of surrogate pairs.
 */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * A text from outside as one line that is safe to print: control characters as `\x1b`, others that do not show as `\u202e`,
 * the middle of a long text left out.
 * @param most characters of the result
 */
export function printable(text: string, most = MOST): string {
  if (text.length <= most) {
    const shown = escaped(text);
    if (shown.length <= most) return shown;
  }
  const [start, end] = [escaped(text.slice(0, most)), escaped(text.slice(-most))];
  const half = Math.floor((most - 1) / 2);
  return `${start.slice(0, half).replace(/[\ud800-\udbff]$/, '')}…${end.slice(-half).replace(/^[\udc00-\udfff]/, '')}`;
}

/** As `printable`, for a line that contains texts from outside. */
export const printableLine = (line: string): string => printable(line, MOST_OF_LINE);

/** JSON in which characters that do not show are escaped. It has the same value. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value).replace(UNPRINTABLE, (character) =>
    Array.from({ length: character.length }, (_, i) => `\\u${hex(character.charCodeAt(i), 4)}`).join(''),
  );

/** A number of things: `1 image`, `1,234 images`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** A text as one word of a command line, to be copied into a shell. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const escaped = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${hex(code, 2)}`;
    return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${code.toString(16)}}`;
  });

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');
