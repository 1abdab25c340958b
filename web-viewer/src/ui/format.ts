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

/** A whole number as it is, another one with a few significant digits. */
export const exact = (value: number, digits = 6): string =>
  Number.isSafeInteger(value) ? String(value).replace('-', '−') : short(value, digits);

/** A whole number with thousands separators. The first call of `toLocaleString` takes tens of milliseconds. */
export const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

/** A count and what is counted: `1 image`, `1,000 images`. */
export const counted = (count: number, one: string): string => `${grouped(count)} ${count === 1 ? one : `${one}s`}`;

const SPLITS: Readonly<Record<string, string>> = { train: 'training', val: 'validation' };

/** A part of the data in words. */
export const splitName = (split: string): string => SPLITS[split] ?? split;

/** What is of a part of the data, in words: `validation images`; of all of it only `images`. */
export const ofSplit = (split: string, what: string): string =>
  split === 'all' ? what : `${splitName(split)} ${what}`;

/** With a capital letter. */
export const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** Data sets as people write them. */
const NAMES: Readonly<Record<string, string>> = {
  mnist: 'MNIST',
  'fashion-mnist': 'Fashion-MNIST',
  emnist: 'EMNIST',
  kmnist: 'KMNIST',
  qmnist: 'QMNIST',
  usps: 'USPS',
  svhn: 'SVHN',
  'cifar-10': 'CIFAR-10',
  'cifar-100': 'CIFAR-100',
  cifar10: 'CIFAR-10',
  cifar100: 'CIFAR-100',
};

/** The display name of a data set: its usual name, else the last part of its path, or of those of images and labels. */
export function dataName(name: string): string {
  const lastOf = (path: string) =>
    path
      .replace(/[\\/]+$/, '')
      .split(/[\\/]/)
      .at(-1) || path;
  const last = name
    .split(/,(?=[\\/]|[a-z]:)/i) // at a comma before an absolute path
    .map(lastOf)
    .join();
  return NAMES[last.toLowerCase()] ?? last;
}
