/** A size such as `3.7 MB`. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

/** A number with a few significant digits and a true minus sign. */
export function short(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e6)
      ? value.toExponential(digits - 1)
      : String(Number(value.toPrecision(digits)));
  return text.replaceAll('-', '−');
}

/** A number with thousands separators. */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** The display name of a data set: the last part of its path. */
export const dataName = (name: string): string =>
  name
    .replace(/[\\/]+$/, '')
    .split(/[\\/]/)
    .at(-1) || name;
