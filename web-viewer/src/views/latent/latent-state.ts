import { computed, effect, signal } from '@preact/signals';
import type { Engine } from '../../engine/client.ts';
import { latest } from '../../engine/latest.ts';
import { showLatent } from '../../state/explore.ts';
import { type Distribution, distributions, randomLatents } from '../../state/sampling.ts';
import {
  currentLatent,
  engine,
  label,
  latentOrigin,
  model,
  type OpenModel,
  reading,
  sampleFrom,
  seed,
} from '../../state/store.ts';
import { type Dimension, dimensionsOf, latentsAround, OFFSETS, split } from './dimensions.ts';

/** Number of sliders shown at first. */
export const FIRST = 24;
/** Previews are decoded after the sliders have been at rest this long, in milliseconds. */
const DEBOUNCE = 150;
/** Interval between updates of the previews during an animation, in milliseconds. */
const FOLLOW_INTERVAL = 700;

/** All dimensions, the most informative first. */
export const dimensions = computed(() => (model.value ? dimensionsOf(model.value.card, model.value.manifest) : []));
/** Whether all sliders are shown, and whether each has its previews. */
export const allSliders = signal(false);
export const allStrips = signal(false);
export const sliders = computed(() => (allSliders.value ? dimensions.value : dimensions.value.slice(0, FIRST)));

/** Index of the dimension touched last. */
const touched = signal(-1);
/** The dimension whose previews are shown above the sliders. */
export const active = computed(
  () => sliders.value.find(({ index }) => index === touched.value) ?? sliders.value[0] ?? null,
);
export const touch = ({ index }: Dimension): void => {
  touched.value = index;
};

/** The input image's latent, to which sliders reset. */
export const inputLatent = computed(() => reading.value?.latents.latent ?? null);
/** The value that a dimension resets to: the input's, else the mean. */
export const resetValue = ({ index, mean }: Dimension): number => inputLatent.value?.[index] ?? mean;

/** Resets to the input's latent, else to the mean. */
export function reset(): void {
  if (inputLatent.value) {
    showLatent(inputLatent.value, 'input');
    return;
  }
  const mean = new Float32Array(dimensions.value.length);
  for (const dimension of dimensions.value) mean[dimension.index] = dimension.mean;
  showLatent(mean, 'sliders');
}

/** The distribution that random latents are drawn from. */
export const distribution = computed((): Distribution => {
  const found = model.value ? distributions(model.value.card) : [];
  return found.find((name) => name === sampleFrom.value) ?? found[0] ?? 'statistics';
});

/** Shows the next random latent. */
export function showRandom(): void {
  if (!model.value) return;
  seed.value += 1;
  showLatent(randomLatents(model.value.card, 1, seed.value, distribution.value), 'sample');
}

/** Previews of what dimensions do, by index, each at OFFSETS; and the model they belong to. */
export const strips = signal<{
  readonly of: OpenModel;
  readonly images: ReadonlyMap<number, readonly Float32Array[]>;
} | null>(null);

interface Wanted {
  readonly by: Engine;
  readonly of: OpenModel;
  readonly around: Float32Array;
  readonly classIndex: number;
  readonly shown: readonly Dimension[];
}

/** Keeps the previews up to date while the sliders are at rest. @returns a function that stops it */
export function followStrips(): () => void {
  let done: Partial<Wanted> = {};
  let last = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const decode = latest(async (wanted: Wanted) => {
    const { by, of, around, classIndex, shown } = wanted;
    const count = shown.length * OFFSETS.length;
    // If the engine ends meanwhile, decoding the large image reports it.
    const batch = await by
      .decode(count, latentsAround(around, shown), new Int32Array(count).fill(classIndex))
      .catch(() => null);
    if (!batch || model.value !== of) return;
    const images = split(batch, count);
    const rows = shown.map(
      ({ index }, i) => [index, images.slice(i * OFFSETS.length, (i + 1) * OFFSETS.length)] as const,
    );
    strips.value = { of, images: new Map(rows) };
    done = wanted;
    last = performance.now();
  });
  const end = effect(() => {
    const [by, of, around, classIndex] = [engine.value, model.value, currentLatent.value, label.value];
    const shown = allStrips.value ? sliders.value : active.value ? [active.value] : [];
    const walks = latentOrigin.value === 'walk' || latentOrigin.value === 'between';
    clearTimeout(timer);
    if (!by || !of || around?.length !== of.card.latent.size || shown.length === 0) return;
    const moves = around !== done.around && of === done.of;
    const wait = !moves ? 0 : walks && performance.now() - last > FOLLOW_INTERVAL ? 0 : DEBOUNCE;
    timer = setTimeout(() => decode({ by, of, around, classIndex, shown }), wait);
  });
  return () => {
    clearTimeout(timer);
    end();
  };
}
