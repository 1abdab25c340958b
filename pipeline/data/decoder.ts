import type { EncodedImage, ImageHeader, StoredImage } from './image-source.ts';

/** Reads one family of file formats. What is wrong with a file is thrown as an Error whose message is the reason. */
export interface Decoder {
  /** Reads the header. */
  open(image: EncodedImage): OpenImage | Promise<OpenImage>;
  /** Numbers of the pages that are images; one page if undefined. */
  pages?(image: EncodedImage): Promise<ArrayLike<number>>;
}

/** The size that an image will be fitted to. */
export type Target = Pick<ImageHeader, 'height' | 'width'>;

/** An image whose pixels are not read yet. */
export interface OpenImage {
  readonly header: ImageHeader;
  /** @param target a much larger photograph may be made smaller, to twice this size at least, which takes a fraction of the time */
  decode(target?: Target): StoredImage | Promise<StoredImage>;
}
