import type { Signal } from '@preact/signals';
import type { ButtonHTMLAttributes, ComponentChildren, InputHTMLAttributes } from 'preact';

/** For elements that scroll or handle keys, and so must be reached with the keyboard. */
export const focusable = { tabIndex: 0 } as const;

/** What sets a signal: `onChoose={setter(brush)}`. */
export const setter =
  <T,>(signal: Signal<T>) =>
  (value: T): void => {
    signal.value = value;
  };

/** A button. */
export const Button = ({ class: look = 'button', ...rest }: ButtonHTMLAttributes) => (
  <button type="button" class={look} {...rest} />
);

interface CheckProps {
  readonly checked: boolean;
  readonly onChoose: (checked: boolean) => void;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly title?: string;
  readonly disabled?: boolean;
}

/** A check box with its label. */
export const Check = ({ checked, onChoose, children, disabled = false, ...rest }: CheckProps) => (
  <label {...rest}>
    <input
      type="checkbox"
      checked={checked}
      disabled={disabled}
      onChange={({ currentTarget }) => onChoose(currentTarget.checked)}
    />{' '}
    {children}
  </label>
);

interface RangeProps extends Omit<InputHTMLAttributes, 'value' | 'onInput' | 'type' | 'role'> {
  readonly value: number;
  readonly onChoose: (value: number) => void;
}

/** A slider. */
export const Range = ({ onChoose, ...rest }: RangeProps) => (
  <input type="range" {...rest} onInput={({ currentTarget }) => onChoose(currentTarget.valueAsNumber)} />
);

/** A choice: its value, and its text where that is another. */
type Option<T> = readonly [value: T, text: string, title?: string];

interface SelectProps<T> {
  readonly value: T;
  readonly options: readonly Option<T>[];
  readonly onChoose: (value: T) => void;
  readonly class?: string;
  readonly 'aria-label'?: string;
}

/** Values as choices whose text they are. */
export const asOptions = <T,>(values: readonly T[]): readonly Option<T>[] => values.map((value) => [value, `${value}`]);

/** A list of choices that drops down. */
export function Select<T extends string | number>({ value, options, onChoose, ...rest }: SelectProps<T>) {
  const choose = (text: string) => {
    const found = options.find(([value]) => `${value}` === text);
    if (found) onChoose(found[0]);
  };
  return (
    <select value={value} onChange={({ currentTarget }) => choose(currentTarget.value)} {...rest}>
      {options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}

interface RadiosProps<T> {
  /** What is chosen, for screen readers. */
  readonly legend: string;
  readonly name: string;
  readonly value: T;
  readonly options: readonly Option<T>[];
  readonly onChoose: (value: T) => void;
  readonly class: string;
}

/** Choices side by side. */
export const Radios = <T extends string>({ legend, name, value, options, onChoose, class: look }: RadiosProps<T>) => (
  <fieldset class={look}>
    <legend class="visually-hidden">{legend}</legend>
    {options.map(([option, text, title]) => (
      <label key={option} title={title}>
        <input type="radio" name={name} checked={option === value} onChange={() => onChoose(option)} />{' '}
        <span>{text}</span>
      </label>
    ))}
  </fieldset>
);
