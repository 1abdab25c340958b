import type { PictureNote } from '../artifacts/report.ts';
import type { Drawing } from '../pictures/drawing.ts';

/** A finished picture of a report: a still one as PNG and SVG, one that moves as it is. */
export interface Picture extends PictureNote {
  readonly data: Uint8Array;
  readonly svg: string | undefined;
}

export type Words = Pick<Picture, 'title' | 'caption' | 'alt'>;

/** A drawing under a name, as PNG and SVG. @param density pixels for each on an ordinary screen */
export const still = (name: string, words: Words, { png, svg, width, height }: Drawing, density = 1): Picture => ({
  file: `${name}.png`,
  ...words,
  width,
  height,
  density,
  data: png,
  svg,
});
