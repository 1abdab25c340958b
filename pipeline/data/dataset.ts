/** Height and width in pixels, and the number of channels (1 gray, 3 RGB). */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Bytes of one image. */
export const bytesPerImage = ({ height, width, channels }: ImageShape): number => height * width * channels;

/**
 * A set of images of one shape, in a fixed order. Pixels stay uint8 (0–255, channels last) until they are inside the
 * graph. Readers never hold more than what they are asked for, unless they say so.
 */
export interface ImageDataset {
  /** What a user would call it: `mnist/test`, a path. */
  readonly name: string;
  readonly shape: ImageShape;
  readonly length: number;
  /** One class index per image, `[length]`, or undefined where the data has no labels. */
  readonly labels: Int32Array | undefined;
  /** Class names by index, where the data names them (folders do; MNIST's are '0' … '9'). */
  readonly classes: readonly string[] | undefined;
  /** A stable name of image `index`: its number, or its path inside the folder. */
  id(index: number): string;
  /**
   * Reads images into `target`, one after another.
   * @param indices which images, in the order wanted
   * @param target at least `indices.length × bytesPerImage(shape)` bytes
   * @throws InputError when an image cannot be decoded or has another size (its id is in the message)
   */
  read(indices: ArrayLike<number>, target: Uint8Array): Promise<void>;
  /** SHA-256 over shape, labels and pixels, as `sha256:<hex>`: two sets with equal contents have equal fingerprints. */
  fingerprint(): Promise<string>;
  /** Releases file handles and temporary files. */
  close(): Promise<void>;
}

/** The two parts of a data set that training and evaluation use. */
export interface DatasetSplits {
  readonly name: string;
  readonly train: ImageDataset;
  readonly test: ImageDataset;
}
