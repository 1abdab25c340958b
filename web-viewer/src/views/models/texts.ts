import { errorUnits } from '../../../../pipeline/artifacts/fields.ts';
import { type Card, heldOutOf } from '../../site/schema.ts';
import { capital, dataName, short } from '../../ui/format.ts';

/** The unit of a model's losses and errors. */
export const unitOf = ({ model }: Card): string => errorUnits[model.error];

/** The number of values in an image: pixels times channels. Losses are means over them. */
export const valuesOf = ({ image }: Pick<Card, 'image'>): number => image.height * image.width * image.channels;

/** `28 × 28, gray`, without line breaks inside. */
export const shapeOf = ({ image: { height, width, channels } }: Pick<Card, 'image'>): string =>
  `${height}\u00a0×\u00a0${width}, ${channels === 1 ? 'gray' : 'colour'}`;

/** `variational, encoder and decoder conditioned on the class`. */
export function kindOf({ model, conditional }: Pick<Card, 'model' | 'conditional'>): string {
  const parts = [conditional.encoder && 'encoder', conditional.decoder && 'decoder'].filter(Boolean).join(' and ');
  return [model.variational ? 'variational' : 'plain', parts && `${parts} conditioned on the class`]
    .filter(Boolean)
    .join(', ');
}

/** `variational, conditional`. */
export const shortKindOf = ({ model, conditional }: Pick<Card, 'model' | 'conditional'>): string =>
  `${model.variational ? 'variational' : 'plain'}${conditional.encoder || conditional.decoder ? ', conditional' : ''}`;

/** A model in one line: its data, latent size and loss on images held out. */
export function inOneLine(card: Card): string {
  const { loss } = heldOutOf(card).losses;
  return [
    dataName(card.dataset.name),
    `${card.latent.size}-D`,
    loss === undefined ? '' : `loss ${short(loss)}${card.model.error === 'binary cross-entropy' ? ' nats' : ''}`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/** A row of the table of measures: per pixel as in the card, and per image; `test` is of the images held out. */
export interface Measure {
  readonly name: string;
  readonly test: number | null;
  readonly testImage: number | null;
  readonly train: number | null;
  readonly trainImage: number | null;
}

/** All measures of the card, the loss and its terms first. */
export function measuresOf(card: Card): Measure[] {
  const { train } = card.metrics;
  const test = heldOutOf(card).losses;
  const first = ['loss', 'reconstruction', 'kl'];
  const names = [...new Set([...first, ...Object.keys(test), ...Object.keys(train ?? {})])];
  const values = valuesOf(card);
  const times = (value: number | undefined, name: string) =>
    value === undefined || name === 'ssim' ? null : value * values;
  return names
    .filter((name) => name in test || name in (train ?? {}))
    .map((name) => ({
      name,
      test: test[name] ?? null,
      testImage: times(test[name], name),
      train: train?.[name] ?? null,
      trainImage: times(train?.[name], name),
    }));
}

/** `adam, learning rate 0.001, epsilon 1e−8`. */
export const optimizerOf = ({ training }: Card): string => {
  const { name, learningRate, ...rest } = training.recipe.optimizer;
  const others = Object.entries(rest).map(([key, value]) => `${spaced(key)} ${formatted(value)}`);
  return [name, `learning rate ${short(learningRate)}`, ...others].join(', ');
};

/** The settings of the recipe other than epochs, batch size and optimizer. */
export const restOfRecipe = ({ training }: Card): [name: string, value: string][] =>
  Object.entries(training.recipe)
    .filter(([name]) => !['epochs', 'batchSize', 'optimizer'].includes(name))
    .map(([name, value]) => [capital(spaced(name)).replace(/^Kl /, 'KL '), formatted(value)]);

const spaced = (name: string) => name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
const formatted = (value: unknown): string => String(value).slice(0, 100).replace('-', '−');
