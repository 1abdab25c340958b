import { textOfLatent } from '../site/dimensions.ts';
import { alsoAfterAwaited, awaitedRow, setInputClass, showImage, showLatent, showRow } from './explore.ts';
import { pack, packedLater, unpack } from './pack.ts';
import { oneOf, parseInteger, wholeNumber } from './parameter-kinds.ts';
import {
  colourBy,
  colourMap,
  colourMaps,
  currentLatent,
  epoch,
  type InputImage,
  input,
  inputLabel,
  label,
  latentOrigin,
  model,
  sampleFrom,
  seed,
  selectedRow,
  shownClasses,
  tab,
  tabs,
  temperature,
} from './store.ts';
import { linkedTheme, linkTheme } from './theme.ts';

/** A parameter of the address. */
export interface Parameter {
  readonly key: string;
  /** Its text; null for the default, which is left out. The address follows the signals that this reads. */
  read(): string | null;
  /** Applies the text in a link, which may be anything; null stands for the default. Some need a moment. */
  write(text: string | null): void | Promise<void>;
}

/** Parameters that need no open model. */
export const settings: readonly Parameter[] = [
  { key: 'theme', read: () => linkedTheme.value, write: linkTheme },
  oneOf('tab', tab, ['map', ...tabs]),
  {
    key: 'colour',
    read: () => (colourBy.value === 'class' ? null : colourBy.value),
    write: (text) => {
      colourBy.value = text ?? 'class';
    },
  },
  oneOf('palette', colourMap, colourMaps),
  wholeNumber('seed', seed, 1),
  oneOf('from', sampleFrom, [null, 'prior', 'mixture']),
  {
    key: 'temperature',
    read: () => (temperature.value === 1 ? null : String(temperature.value)),
    write: (text) => {
      const value = Number(text ?? Number.NaN);
      temperature.value = value >= 0 && value <= 1.5 ? value : 1;
    },
  },
];

/** An input image that is not one of the set's, as the pixels that the model takes. */
const pixelsOf = (key: string, origin: InputImage['origin']): Parameter => {
  const textOf = packedLater((image: InputImage) => pack(image.pixels));
  return {
    key,
    read: () => (input.value?.origin === origin ? textOf(input.value) : null),
    async write(text) {
      const opened = model.value;
      if (text === null || !opened) return;
      const { height, width, channels } = opened.card.image;
      const pixels = await unpack(text, height * width * channels);
      if (pixels && model.value === opened) showImage({ pixels, origin, row: null, label: null });
    },
  };
};

/** A class by its index, where the model takes one. */
const classNamed = (text: string | null): number | null => {
  const value = parseInteger(text, -1);
  return value >= 0 && value < (model.value?.card.classes?.length ?? 0) ? value : null;
};

/** Parameters that need the open model. Each may build on those before it. */
export const modelParameters: readonly Parameter[] = [
  {
    key: 'classes',
    read: () => shownClasses.value?.join(',') ?? null,
    write: (text) => {
      const values = text === null ? null : text.split(',').filter(Boolean).map(Number);
      shownClasses.value = values?.every((value) => Number.isInteger(value) && value >= -1) ? values : null;
    },
  },
  wholeNumber('epoch', epoch, 0),
  {
    key: 'image',
    read: () => (selectedRow.value ?? awaitedRow.value)?.toString() ?? null,
    write: (text) => {
      if (text !== null) showRow(parseInteger(text, -1));
    },
  },
  pixelsOf('drawing', 'drawn'),
  pixelsOf('picture', 'file'),
  {
    key: 'given',
    read: () => {
      const { encoder, decoder } = model.value?.card.conditional ?? { encoder: false, decoder: false };
      return !(encoder || decoder) || inputLabel.value === input.value?.label ? null : String(inputLabel.value);
    },
    write: (text) => {
      const found = classNamed(text);
      if (found !== null) alsoAfterAwaited(() => setInputClass(found));
    },
  },
  {
    key: 'class',
    read: () => (model.value?.card.conditional.decoder ? String(label.value) : null),
    write: (text) => {
      const found = classNamed(text);
      if (found === null) return;
      alsoAfterAwaited(() => {
        label.value = found;
      });
    },
  },
  {
    key: 'z',
    read: () =>
      latentOrigin.value === 'input' || latentOrigin.value === 'walk' || !currentLatent.value || !model.value
        ? null
        : textOfLatent(currentLatent.value, model.value.card),
    write: (text) => {
      const values = text?.split(',').map(Number) ?? [];
      if (values.length === model.value?.card.latent.size && values.every(Number.isFinite)) {
        showLatent(Float32Array.from(values), 'link');
      }
    },
  },
];
