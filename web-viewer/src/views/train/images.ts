import { computed, effect, signal } from '@preact/signals';
import { type InputImage, input, inputLabel, model } from '../../state/store.ts';
import { sampleRows, type TrainImage } from './batches.ts';

/** An image added by the visitor. */
export interface OwnImage extends TrainImage {
  readonly key: number;
}

export const MIN_SAMPLE = 32;
export const MAX_SAMPLE = 1000;
/** Images shown with their reconstructions. */
const SHOWN = 8;
/** The most images that the visitor may add. */
export const MAX_OWN = 200;

/** Images added by the visitor, the newest last. */
export const own = signal<readonly OwnImage[]>([]);
/** Whether images of the set are used, how many, and which. */
export const includeSample = signal(true);
export const sampleSize = signal(256);
export const sampleSeed = signal(1);

/** Whether training needs each image's class. */
export const needsClass = computed(() => model.value?.card.trainStep?.inputs.label !== undefined);

/** Why there is no sample; null where there is one. */
export const noSample = computed(() => {
  const set = model.value?.set;
  if (!set) return 'This model has no images, so it can only be trained on yours.';
  if (needsClass.value && !set.labels) return 'The images here have no classes, which this model needs.';
  return null;
});

/** A random sample of the set. */
export const sample = computed((): readonly TrainImage[] => {
  const set = model.value?.set;
  if (!set || noSample.value !== null || !includeSample.value) return [];
  const rows = sampleRows(set.about.images, sampleSize.value, sampleSeed.value);
  return rows.map((row) => ({ pixels: set.pixels(row), label: set.label(row) }));
});

/** All training images, the visitor's first. */
export const images = computed((): readonly TrainImage[] => [...own.value, ...sample.value]);

/** The images to display: the visitor's newest, then some of the sample. */
export const shownImages = computed((): readonly TrainImage[] => {
  const mine = own.value.slice(-SHOWN).reverse();
  const room = sample.value.length === 0 ? SHOWN : Math.max(SHOWN / 2, SHOWN - sample.value.length);
  return [...mine.slice(0, room), ...sample.value].slice(0, SHOWN);
});

let keys = 0;

/** Adds the input image, with its known class or else the chosen one. */
export function addInput(image: InputImage): void {
  if (own.value.length >= MAX_OWN) return;
  own.value = [...own.value, { key: keys++, pixels: image.pixels.slice(), label: image.label ?? inputLabel.value }];
}

/** Whether the input image has been added. */
export const isAdded = computed(() => {
  const pixels = input.value?.pixels;
  return own.value.some((image) => image.pixels.every((value, i) => value === pixels?.[i]));
});

export function removeOwn(key: number): void {
  own.value = own.value.filter((image) => image.key !== key);
}

export function setClass(key: number, label: number): void {
  own.value = own.value.map((image) => (image.key === key ? { ...image, label } : image));
}

let kind = '';
// Keep the images for the next model if they have the right shape.
effect(() => {
  if (!model.value) return;
  const { image, classes } = model.value.card;
  const found = [image.height, image.width, image.channels].join('×');
  const count = classes?.length ?? Number.POSITIVE_INFINITY;
  own.value =
    kind === found
      ? own.peek().map((one) => (one.label !== null && one.label >= count ? { ...one, label: 0 } : one))
      : [];
  kind = found;
});
