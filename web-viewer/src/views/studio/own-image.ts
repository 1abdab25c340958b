import type { Engine } from '../../engine/client.ts';
import type { Card } from '../../site/schema.ts';
import { pixelErrors } from '../../state/errors.ts';
import type { InputImage } from '../../state/store.ts';
import { reconstruct } from '../reconstruct.ts';
import { repeated } from './latents.ts';

/** An image's latent, and its decoding with each class. */
export interface Restyled {
  readonly image: InputImage;
  /** The class for the encoder; null where it takes none. */
  readonly encodedAs: number | null;
  /** Where that class comes from. */
  readonly from: 'visitor' | 'set' | 'error';
  /** `[D]` */
  readonly latent: Float32Array;
  readonly classes: readonly number[];
  /** In [0, 1], `[classes, H, W, C]`. */
  readonly images: Float32Array;
}

/** The most classes among which the encoder's class is searched for. */
const MAX_TRIED = 64;

/** An image to be decoded with each of some classes. */
export interface Wanted {
  readonly card: Card;
  readonly image: InputImage;
  /** The class for the encoder that the visitor chose. */
  readonly chosen: number | null;
  readonly classes: readonly number[];
}

/**
 * Encodes an image and decodes its latent with each of some classes, in one batch. An encoder that takes a class gets the
 * chosen one, else the image's own, else the one that reconstructs the image best.
 * @throws Error
 */
export async function restyle(engine: Engine, { card, image, chosen, classes }: Wanted): Promise<Restyled> {
  let encodedAs: number | null = null;
  let from: Restyled['from'] = 'visitor';
  if (card.conditional.encoder) {
    encodedAs = chosen;
    if (encodedAs === null && image.label !== null) [encodedAs, from] = [image.label, 'set'];
    if (encodedAs === null) [encodedAs, from] = [await likeliestClass(engine, card, image), 'error'];
  }
  const { latent } = await engine.encode(1, image.pixels, Int32Array.of(encodedAs ?? 0));
  const images = await engine.decode(classes.length, repeated(latent, classes.length), Int32Array.from(classes));
  return { image, encodedAs, from, latent, classes, images };
}

/** The class that reconstructs an image with the smallest error. */
async function likeliestClass(
  engine: Engine,
  { image: { channels }, model, classes }: Card,
  { pixels }: InputImage,
): Promise<number> {
  const count = Math.min(MAX_TRIED, classes?.length ?? 1);
  const labels = Int32Array.from({ length: count }, (_, i) => i);
  const copies = Array.from({ length: count }, () => pixels);
  const made = await reconstruct(engine, copies, labels);
  const errors = made.map((image) => pixelErrors(model.error, pixels, image, channels).error);
  return errors.indexOf(Math.min(...errors));
}
