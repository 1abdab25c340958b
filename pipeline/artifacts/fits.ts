/**
 * How an image is fitted to a size: `cover` fills it and cuts what is outside, `contain` fits inside it and fills the rest with
 * the background, `stretch` changes the aspect ratio.
 */
export const fits = ['cover', 'contain', 'stretch'] as const;
export type Fit = (typeof fits)[number];
