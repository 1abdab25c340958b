import { effect } from '@preact/signals';
import { showLatent, showRow } from './explore.ts';
import {
  colourBy,
  currentLatent,
  epoch,
  label,
  latentOrigin,
  model,
  modelName,
  sampleFrom,
  seed,
  selectedRow,
  shownClasses,
  tab,
  tabs,
  temperature,
} from './store.ts';
import { linkedTheme, linkTheme } from './theme.ts';

/** A parameter of the address: its name, its text (null when absent), and its parser. */
interface Parameter {
  readonly key: string;
  read(): string | null;
  write(text: string | null): void;
}

const parseInteger = (text: string | null, fallback: number): number => {
  const value = Number(text ?? Number.NaN);
  return Number.isInteger(value) && value >= 0 ? value : fallback;
};

/** Parameters that need no open model. */
const settings: readonly Parameter[] = [
  { key: 'theme', read: () => linkedTheme.value, write: linkTheme },
  {
    key: 'tab',
    read: () => (tab.value === 'map' ? null : tab.value),
    write: (text) => {
      tab.value = tabs.find((name) => name === text) ?? 'map';
    },
  },
  {
    key: 'colour',
    read: () => (colourBy.value === 'error' ? 'error' : null),
    write: (text) => {
      colourBy.value = text === 'error' ? 'error' : 'class';
    },
  },
  {
    key: 'classes',
    read: () => shownClasses.value?.join(',') ?? null,
    write: (text) => {
      const values = text === null ? null : text.split(',').filter(Boolean).map(Number);
      shownClasses.value = values?.every((value) => Number.isInteger(value) && value >= -1) ? values : null;
    },
  },
  {
    key: 'epoch',
    read: () => (epoch.value === 0 ? null : String(epoch.value)),
    write: (text) => {
      epoch.value = parseInteger(text, 0);
    },
  },
  {
    key: 'seed',
    read: () => (seed.value === 1 ? null : String(seed.value)),
    write: (text) => {
      seed.value = parseInteger(text, 1);
    },
  },
  {
    key: 'from',
    read: () => sampleFrom.value,
    write: (text) => {
      sampleFrom.value = (['prior', 'mixture'] as const).find((name) => name === text) ?? null;
    },
  },
  {
    key: 'temperature',
    read: () => (temperature.value === 1 ? null : String(temperature.value)),
    write: (text) => {
      const value = Number(text ?? Number.NaN);
      temperature.value = value >= 0 && value <= 1.5 ? value : 1;
    },
  },
];

/** Parameters that need the open model. */
const modelParameters: readonly Parameter[] = [
  {
    key: 'image',
    read: () => (selectedRow.value === null ? null : String(selectedRow.value)),
    write: (text) => {
      if (text !== null) showRow(parseInteger(text, -1));
    },
  },
  {
    key: 'class',
    read: () => (model.value?.card.conditional.decoder ? String(label.value) : null),
    write: (text) => {
      const count = model.value?.card.classes?.length ?? 0;
      const value = parseInteger(text, 0);
      if (text !== null && value < count) label.value = value;
    },
  },
  {
    key: 'z',
    read: () =>
      currentLatent.value === null || latentOrigin.value === 'input' || latentOrigin.value === 'walk'
        ? null
        : Array.from(currentLatent.value, (value) => Number(value.toFixed(3))).join(','),
    write: (text) => {
      const values = text?.split(',').map(Number) ?? [];
      if (values.length === model.value?.card.latent.size && values.every(Number.isFinite)) {
        showLatent(Float32Array.from(values), 'link');
      }
    },
  },
];

const parameters = () => new URLSearchParams(location.hash.slice(1));

/** The model in the address. */
export const modelInUrl = (): string | null => parameters().get('model');

/** Applies the settings in the address. */
export function readSettings(): void {
  const found = parameters();
  for (const { key, write } of settings) write(found.get(key));
}

/** Applies the parameters that need an open model. @returns whether they select something to show */
export function readModelParameters(): boolean {
  const found = parameters();
  for (const { key, write } of modelParameters) write(found.get(key));
  return found.has('image') || found.has('z');
}

/** Keeps the address up to date once a model is open. @returns a function that stops it */
export function followState(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return effect(() => {
    const entries = [{ key: 'model', read: () => modelName.value }, ...settings, ...modelParameters].flatMap(
      ({ key, read }) => {
        const text = read();
        return text === null ? [] : [`${key}=${encodeURIComponent(text).replaceAll('%2C', ',')}`];
      },
    );
    if (!model.value) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const hash = `#${entries.join('&')}`;
      if (hash !== location.hash) history.replaceState(history.state, '', hash);
    }, 200);
  });
}
