import { computed } from '@preact/signals';
import { model } from '../state/store.ts';

/** Colour for images without a class. */
const PLAIN = '#3a6ea5';

/** Class colours `#rrggbb` from the image set, the same as in the pipeline's pictures. */
const classColours = computed(() => model.value?.set?.about.colours ?? []);

/** The colour of a class `#rrggbb`. */
export const colourOfClass = (index: number | null): string =>
  index === null ? PLAIN : (classColours.value[index] ?? PLAIN);
