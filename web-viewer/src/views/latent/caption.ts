import type { Distribution } from '../../state/sampling.ts';
import type { InputImage, latentOrigin } from '../../state/store.ts';

/** Where a random latent comes from. */
export interface Drawn {
  readonly seed: number;
  readonly from: Distribution;
}

/** The distributions that random latents are drawn from, in words. */
const distributionNames: Readonly<Record<Distribution, string>> = {
  prior: 'the prior',
  mixture: 'the mixture',
  statistics: 'the mean and spread',
};

/** The state that the caption under the decoded image describes. */
export interface Shown {
  readonly origin: typeof latentOrigin.value;
  readonly input: InputImage | null;
  readonly classes: readonly string[] | null;
  /** Whether the idle walk stays within one class. */
  readonly oneClass: string | null;
  /** The seed of the random latent that was drawn last, and its distribution. */
  readonly drawn: Drawn;
  /** Progress of an interpolation between two images, 0 to 1. */
  readonly place: number;
  /** Whether the idle walk is running, has ended, or has no images to visit. */
  readonly walk: 'on' | 'ended' | 'none';
}

/** An image in words: `image 12, class 7`, `the drawn image`. */
export function imageName({ origin, row, label }: InputImage, classes: readonly string[] | null): string {
  if (origin === 'drawn') return 'the drawn image';
  if (origin === 'file' || row === null) return 'the opened image';
  const name = label === null ? undefined : classes?.[label];
  return `image ${row}${name === undefined ? '' : `, class ${name}`}`;
}

/** The origin of the shown latent, in a sentence. */
export function caption({ origin, input, classes, oneClass, drawn, place, walk }: Shown): string {
  switch (origin) {
    case 'input':
      return input ? `The latent of ${imageName(input, classes)}` : 'The latent of an image';
    case 'sliders':
      return 'A latent set with the sliders';
    case 'sample':
      return `Random latent ${drawn.seed} from ${distributionNames[drawn.from]}`;
    case 'studio':
      return 'A latent from the studio';
    case 'walk':
      if (walk === 'none') return 'The mean of the latents';
      if (walk === 'ended') return 'Among the latents of images';
      return oneClass === null ? 'Between images: touch to stop' : `Between images of ${oneClass}: touch to stop`;
    case 'between':
      return `${Math.round(100 * place)} % of the way from A to B`;
    case 'map':
      return 'A latent from the map';
    case 'link':
      return 'The latent in the address';
  }
}
