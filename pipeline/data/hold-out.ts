import { InputError } from '../io/errors.ts';
import type { DatasetSplits, ImageDataset } from './dataset.ts';
import { range } from './indices.ts';
import { sharing, subset } from './subset.ts';

export interface HoldOut {
  /** Part of the images that becomes the test set, between 0 and 1; a tenth if not given. */
  readonly testFraction?: number | undefined;
  /** Another seed holds out other images; 0 if not given. */
  readonly seed?: number | undefined;
}

/**
 * Splits a data set that comes in one piece. Each image is ranked by a hash of the seed and its id, and the lowest
 * `testFraction` (rounded; at least one image, and all but one at most) are the test set; both parts keep the order of the
 * whole. The choice depends on ids alone, so it is the same on every machine and in every run.
 * @throws InputError when there is only one image
 */
export function holdOut(whole: ImageDataset, { testFraction = 0.1, seed = 0 }: HoldOut = {}): DatasetSplits {
  const { name, length } = whole;
  if (!(testFraction > 0 && testFraction < 1)) {
    throw new InputError(`a test fraction of ${testFraction}: it must lie between 0 and 1`);
  }
  if (length < 2) throw new InputError(`${name}: one image cannot be split into a training and a test set; add more`);
  const ranks = Uint32Array.from({ length }, (_, i) => hashOf(`${seed}/${whole.id(i)}`));
  const count = Math.min(length - 1, Math.max(1, Math.round(length * testFraction)));
  const limit = ranks.slice().sort()[count - 1] as number;
  let ties = count - ranks.reduce((below, rank) => below + Number(rank < limit), 0); // equal ranks: the first come first
  const isTest = Uint8Array.from(ranks, (rank) => Number(rank < limit || (rank === limit && ties-- > 0)));
  const where = (test: number) => range(0, length).filter((i) => isTest[i] === test);
  const [forTrain, forTest] = sharing(whole, 2) as [ImageDataset, ImageDataset];
  return {
    name,
    train: subset(forTrain, `${name}/train`, where(0)),
    test: subset(forTest, `${name}/test`, where(1)),
  };
}

/** FNV-1a over UTF-16 code units, then MurmurHash3's finaliser, which spreads what the last characters changed. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
