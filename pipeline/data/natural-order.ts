/**
 * Sorts names: numbers within them by their value, the rest by UTF-16 code units, the same in every locale. `2` before `10`,
 * `img2b` before `img10a`.
 */
export function sortNaturally(names: Iterable<string>): string[] {
  const chunked = Array.from(names, (name) => ({ name, chunks: name.match(/\d+|\D+/g) ?? [] }));
  return chunked.sort((a, b) => naturalOrder(a.chunks, b.chunks) || codeOrder(a.name, b.name)).map(({ name }) => name);
}

function naturalOrder(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = chunkOrder(a[i] as string, b[i] as string);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const codeOrder = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
const isNumber = (chunk: string): boolean => chunk >= '0' && chunk < ':';

function chunkOrder(a: string, b: string): number {
  if (a === b) return 0;
  if (!(isNumber(a) && isNumber(b))) return codeOrder(a, b);
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return x.length - y.length || codeOrder(x, y);
}
