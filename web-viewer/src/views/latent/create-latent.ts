import { computed, signal } from '@preact/signals';
import { showLatent } from '../../state/explore.ts';
import { type Distribution, distributions, randomLatents } from '../../state/sampling.ts';
import { currentLatent, latentOrigin, model, type OpenModel, reading, sampleFrom, seed } from '../../state/store.ts';
import { contextOf } from '../../ui/context.ts';
import type { Drawn } from './caption.ts';
import { createBetween } from './create-between.ts';
import { decodeLater } from './decode-later.ts';
import { type Dimension, dimensionsOf, latentsAround, OFFSETS } from './dimensions.ts';

/** Number of sliders shown at first. */
export const FIRST = 24;
/** Previews are decoded after the sliders have been at rest this long, in milliseconds. */
const DEBOUNCE = 150;
/** Interval between updates of the previews during an animation, in milliseconds. */
const FOLLOW_INTERVAL = 700;

/** What previews are of: a model, a latent, and the dimensions that are varied. */
interface Previewed {
  readonly of: OpenModel;
  readonly around: Float32Array;
  readonly shown: readonly Dimension[];
}

/** The state of the sliders. */
export function createLatent() {
  /** All dimensions, the most informative first. */
  const dimensions = computed(() => (model.value ? dimensionsOf(model.value.card, model.value.manifest) : []));
  /** Whether all sliders are shown, and whether each has its previews. */
  const allSliders = signal(false);
  const allStrips = signal(false);
  const sliders = computed(() => (allSliders.value ? dimensions.value : dimensions.value.slice(0, FIRST)));
  /** Index of the dimension touched last. */
  const touched = signal(-1);
  /** The dimension whose previews are shown above the sliders. */
  const active = computed(() => sliders.value.find(({ index }) => index === touched.value) ?? sliders.value[0] ?? null);
  /** The input image's latent, to which sliders reset, and of a variational model its standard deviations. */
  const inputLatent = computed(() => reading.value?.latents.latent ?? null);
  const deviations = computed(() => reading.value?.latents.logvar?.map((value) => Math.exp(value / 2)) ?? null);
  /** The distribution that random latents are drawn from. */
  const distribution = computed((): Distribution => {
    const found = model.value ? distributions(model.value.card) : [];
    return found.find((name) => name === sampleFrom.value) ?? found[0] ?? 'statistics';
  });
  /** Where the random latent that was shown last comes from. */
  const drawn = signal<Drawn>({ seed: 0, from: 'statistics' });
  /** Previews of what dimensions do, by index, each at OFFSETS; and the model they belong to. */
  const strips = signal<{
    readonly of: OpenModel;
    readonly images: ReadonlyMap<number, readonly Float32Array[]>;
  } | null>(null);

  /** Keeps the previews up to date while the sliders are at rest. @returns a function that stops it */
  function followStrips(): () => void {
    let [done, last]: [Previewed | null, number] = [null, 0];
    return decodeLater<Previewed>(
      (of) => {
        const around = currentLatent.value;
        const shown = allStrips.value ? sliders.value : active.value ? [active.value] : [];
        const animated = latentOrigin.value === 'walk' || latentOrigin.value === 'between';
        if (around?.length !== of.card.latent.size || shown.length === 0) return null;
        const moves = around !== done?.around && of === done?.of;
        const wait = !moves || (animated && performance.now() - last > FOLLOW_INTERVAL) ? 0 : DEBOUNCE;
        const latents = () => latentsAround(around, shown);
        return { count: shown.length * OFFSETS.length, latents, about: { of, around, shown }, wait };
      },
      (images, about) => {
        const ofDimension = (i: number) => images.slice(i * OFFSETS.length, (i + 1) * OFFSETS.length);
        strips.value = { of: about.of, images: new Map(about.shown.map(({ index }, i) => [index, ofDimension(i)])) };
        [done, last] = [about, performance.now()];
      },
    );
  }

  return {
    ...{
      dimensions,
      sliders,
      allSliders,
      allStrips,
      active,
      inputLatent,
      deviations,
      distribution,
      drawn,
      strips,
      followStrips,
    },
    between: createBetween(),
    touch: ({ index }: Dimension): void => {
      touched.value = index;
    },
    /** The value that a dimension resets to: the input's, else the mean. */
    resetValue: ({ index, mean }: Dimension): number => inputLatent.value?.[index] ?? mean,
    /** Resets to the input's latent, else to the mean. */
    reset(): void {
      if (inputLatent.value) showLatent(inputLatent.value, 'input');
      else if (model.value) showLatent(Float32Array.from(model.value.card.latent.statistics.mean), 'sliders');
    },
    /** Shows the next random latent. */
    showRandom(): void {
      if (!model.value) return;
      seed.value += 1;
      drawn.value = { seed: seed.value, from: distribution.value };
      showLatent(randomLatents(model.value.card, 1, seed.value, distribution.value), 'sample');
    },
  };
}

export type LatentState = ReturnType<typeof createLatent>;

export const [LatentContext, useLatent] = contextOf<LatentState>('sliders');
