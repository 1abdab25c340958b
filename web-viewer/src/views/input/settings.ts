import { computed, signal } from '@preact/signals';
import { model } from '../../state/store.ts';
import type { Shape } from '../../ui/pixels.ts';
import { type Conventions, conventionsOf } from './conventions.ts';

/** Approximate width of the canvas on the screen, in pixels. */
const CANVAS_SIZE = 252;
/** Number of a set's images that its conventions are derived from. */
const SAMPLE = 60;

export const tool = signal<'pen' | 'eraser'>('pen');
/** The brush's diameter in the model's pixels. */
export const brush = signal(2.6);
/** The pen's colour in colour images `[3]`. */
export const colour = signal<readonly number[]>([255, 255, 255]);
/** Whether drawings and files are centred, as the set's images are. */
export const centring = signal(true);

/** The model's image shape. */
export const shape = computed<Shape>(() => model.value?.card.image ?? { height: 28, width: 28, channels: 1 });
/** Painting pixels per model pixel, along each side. */
export const pixelScale = computed(() =>
  Math.max(1, Math.round(CANVAS_SIZE / Math.max(shape.value.width, shape.value.height))),
);
/** Shape of the painting. */
export const canvas = computed<Shape>(() => ({
  height: pixelScale.value * shape.value.height,
  width: pixelScale.value * shape.value.width,
  channels: shape.value.channels,
}));

/** The conventions of the images that the model was trained on. */
export const conventions = computed<Conventions>(() => {
  const { set, card } = model.value ?? {};
  const count = Math.min(SAMPLE, set?.about.images ?? 0);
  const images = Array.from({ length: count }, (_, i) => set?.pixels(Math.floor((i * set.about.images) / count)));
  const found = conventionsOf(
    shape.value,
    images.filter((pixels) => pixels !== undefined),
  );
  const digits = count === 0 && card?.dataset.name === 'mnist' && card.image.channels === 1;
  return digits ? { ...found, centred: true } : found;
});

/** Whether drawings are centred. */
export const centres = computed(() => centring.value && conventions.value.centred);
