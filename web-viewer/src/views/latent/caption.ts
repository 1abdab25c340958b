import type { codeOrigin, InputImage } from '../../state/store.ts';

/** What the words under the decoded image follow from. */
export interface Shown {
  readonly origin: typeof codeOrigin.value;
  readonly input: InputImage | null;
  readonly classes: readonly string[] | null;
  /** Whether the idle walk is of images of one class. */
  readonly oneClass: string | null;
  readonly seed: number;
  /** What random codes are drawn from, in words. */
  readonly drawnFrom: string;
  /** How far a walk between two images has come, 0 to 1. */
  readonly place: number;
  /** Whether the idle walk goes on, has ended, or has no images to go among. */
  readonly walk: 'on' | 'ended' | 'nowhere';
}

/** An image in words: `image 12, class 7`, `the drawn image`. */
export function imageName({ origin, row, label }: InputImage, classes: readonly string[] | null): string {
  if (origin === 'drawn') return 'the drawn image';
  if (origin === 'file' || row === null) return 'the given image';
  const name = label === null ? undefined : classes?.[label];
  return `image ${row}${name === undefined ? '' : `, class ${name}`}`;
}

/** Where the shown code is from, in a sentence. */
export function caption({ origin, input, classes, oneClass, seed, drawnFrom, place, walk }: Shown): string {
  switch (origin) {
    case 'input':
      return input ? `The code of ${imageName(input, classes)}` : 'The code of an image';
    case 'sliders':
      return 'A code set by hand';
    case 'sample':
      return `Random code ${seed} from ${drawnFrom}`;
    case 'walk':
      if (walk === 'nowhere') return 'The mean of the codes';
      if (walk === 'ended') return 'Among the codes of images';
      return oneClass === null ? 'Between images: touch to stop' : `Between images of ${oneClass}: touch to stop`;
    case 'between':
      return `${Math.round(100 * place)} % of the way from A to B`;
    case 'map':
      return 'A code from the map';
    case 'link':
      return 'The code in the address';
  }
}
