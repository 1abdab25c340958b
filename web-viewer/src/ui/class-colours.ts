import { computed } from '@preact/signals';
import { model } from '../state/store.ts';

/** What stands for a class or an image without one. */
const PLAIN = '#3a6ea5';

/** Colours of the classes `#rrggbb`, the same as in the pipeline's pictures, which come with the set. */
const classColours = computed(() => model.value?.set?.about.colours ?? []);

/** The colour of a class `#rrggbb`. */
export const colourOfClass = (index: number | null): string =>
  index === null ? PLAIN : (classColours.value[index] ?? PLAIN);
