import { computed } from '@preact/signals';
import { plainColour, quietColour } from '../../../pipeline/pictures/palette.ts';
import { model } from '../state/store.ts';
import { isDark } from '../state/theme.ts';
import { onDark } from './rgb.ts';

/** Class colours `#rrggbb` from the image set, the same as in the pipeline's pictures. */
const classColours = computed(() => {
  const colours = model.value?.set?.about.colours ?? [];
  return isDark.value ? colours.map(onDark) : colours;
});

/** The colour of a class `#rrggbb`; of a negative index, of images without one. */
export const colourOfClass = (index: number | null): string =>
  index === null ? plainColour : index < 0 ? quietColour : (classColours.value[index] ?? plainColour);
