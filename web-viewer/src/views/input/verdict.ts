import { grouped } from '../../ui/format.ts';

/**
 * How unusual an error is, as a word and a sentence.
 * @param percentile the share of the set's images with a smaller error, 0 to 1
 * @param count number of images in the set
 * @param images what they are, such as `test images`
 */
export function verdict(
  percentile: number,
  count: number,
  images: string,
): { readonly word: 'ordinary' | 'unusual' | 'foreign'; readonly text: string } {
  const share = shareText(percentile);
  if (percentile >= 1) {
    const text = `Unlike all ${grouped(count)} ${images}: each of them is reconstructed better. The model has not seen images like this.`;
    return { word: 'foreign', text };
  }
  if (percentile >= 0.99) {
    return {
      word: 'foreign',
      text: `Unlike ${share} of the ${images}: the model has hardly seen images like this.`,
    };
  }
  if (percentile >= 0.9)
    return { word: 'unusual', text: `Unusual: ${share} of the ${images} are reconstructed better.` };
  if (percentile >= 0.5)
    return { word: 'ordinary', text: `Ordinary: ${share} of the ${images} are reconstructed better.` };
  return {
    word: 'ordinary',
    text: `Familiar: reconstructed better than ${shareText(1 - percentile)} of the ${images}.`,
  };
}

/** A share in percent, never rounded up to 100 %. */
export const shareText = (share: number): string => {
  const digits = share > 0.99 && share < 1 ? 10 : 1;
  return `${Math.floor(100 * share * digits + 1e-9) / digits} %`;
};
