import { computed } from '@preact/signals';
import { model } from '../state/store.ts';
import { isDark } from '../state/theme.ts';
import { onDark } from './lighten.ts';

/** Colour for images without a class. */
const PLAIN = '#3a6ea5';
/** Colour for images without a class where others have one. */
const UNLABELLED = '#b8bcc2';

/** Class colours `#rrggbb` from the image set, the same as in the pipeline's pictures. */
const classColours = computed(() => {
  const colours = model.value?.set?.about.colours ?? [];
  return isDark.value ? colours.map(onDark) : colours;
});

/** The colour of a class `#rrggbb`; of a negative index, of images without one. */
export const colourOfClass = (index: number | null): string =>
  index === null ? PLAIN : index < 0 ? UNLABELLED : (classColours.value[index] ?? PLAIN);
