import type { Signal } from '@preact/signals';

/** A whole number from zero; another text gives `fallback`. */
export const parseInteger = (text: string | null, fallback: number): number => {
  const value = Number(text ?? Number.NaN);
  return Number.isInteger(value) && value >= 0 ? value : fallback;
};

/** How a kind of parameter is read and written. */
interface Kind {
  readonly key: string;
  read(): string | null;
  write(text: string | null): void;
}

/** A choice among names, left out where it is the first one. */
export const oneOf = <T extends string | null>(key: string, signal: Signal<T>, names: readonly T[]): Kind => ({
  key,
  read: () => (signal.value === names[0] ? null : signal.value),
  write: (text) => {
    signal.value = names.find((name) => name === text) ?? (names[0] as T);
  },
});

/** A switch, left out where it is as at first. */
export const flag = (key: string, signal: Signal<boolean>, first: boolean): Kind => ({
  key,
  read: () => (signal.value === first ? null : String(Number(signal.value))),
  write: (text) => {
    signal.value = text === String(Number(!first)) ? !first : first;
  },
});

/** A whole number from zero, left out where it is as at first. */
export const wholeNumber = (key: string, signal: Signal<number>, first: number): Kind => ({
  key,
  read: () => (signal.value === first ? null : String(signal.value)),
  write: (text) => {
    signal.value = parseInteger(text, first);
  },
});
