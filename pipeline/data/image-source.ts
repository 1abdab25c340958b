import type { ImageShape } from './dataset.ts';

/** Numbers of an array or a decoded image. 64-bit integers are given as Float64Array. */
export type Values =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** What an image is, before its pixels are read. Height and width are those of the upright image. */
export interface ImageHeader {
  readonly height: number;
  readonly width: number;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha. */
  readonly channels: 1 | 2 | 3 | 4;
  /** Type of the numbers, as numpy names it: uint8, bool, uint16, int64, float32. */
  readonly type: string;
  /** Frames of an animation, or pages, of which only the first is read. */
  readonly frames?: number | undefined;
  /** Channels of a microscope's stack, each in pages of its own, by the description in its first page; at least 2. */
  readonly channelPages?: number | undefined;
}

/** An image with its numbers as they are stored, upright, `[H, W, C]`. */
export interface StoredImage extends ImageHeader {
  readonly values: Values;
  /** Size in the file, where the image was made smaller while it was decoded. */
  readonly original?: Pick<ImageHeader, 'height' | 'width'>;
}

/** The bytes of an image file (png, jpg, tiff, bmp …). */
export interface EncodedImage {
  readonly bytes: Uint8Array;
  /** Page of a file with several, from 0; undefined: it is not known whether there are several. */
  readonly page?: number | undefined;
}

/** A label as a format stores it: a class name, a number, or one-hot; null or undefined where there is none. */
export type RawLabel = string | number | readonly number[] | null | undefined;

/** One image of a source, not read yet. */
export interface ImageEntry {
  /** Stable and unique within the source: its path in the folder, its number. */
  readonly id: string;
  readonly label?: RawLabel;
  /** For messages: the path, and member, row or page within it. */
  readonly where: string;
  /**
   * Reads the image. May be called while the iterator has moved on, at most a few dozen entries.
   * @throws InputError when it is missing or damaged: the image can be skipped; EnvironmentError: the machine failed
   */
  read(): Promise<EncodedImage | StoredImage>;
}

/**
 * Some images of a source, which can be read without the others: an image file, an archive, or the rows of a Parquet file, of
 * which the first in the file has the id `first`.
 */
export type Piece =
  | { readonly kind: 'file'; readonly id: string; readonly label?: RawLabel; readonly path: string }
  | { readonly kind: 'tar'; readonly path: string; readonly label?: string }
  | {
      readonly kind: 'parquet';
      readonly path: string;
      readonly first: number;
      readonly from: number;
      readonly to: number;
      /** Whether RGB in flat lists is `[C, H, W]`. */
      readonly planar: boolean;
      /** Where the images are encoded: the column that holds them, and that of their labels. */
      readonly columns?: { readonly image: string; readonly label?: string | undefined } | undefined;
    };

/** The pixels of a source that are in a file as they have to be: uint8 (0–255), channels last, one image after another. */
export interface PlainPixels {
  readonly path: string;
  /** Position of the first byte. */
  readonly offset: number;
  readonly shape: ImageShape;
}

/** The images of one part of a data set, as their format stores them: of any size and depth, in a fixed order. */
export interface ImageSource {
  /** For people: `photos/train`. */
  readonly name: string;
  /** Number of images, where it is known before they are read. */
  readonly count?: number | undefined;
  /** Class names by index for labels that are indices, or all classes in their order for labels that are names. */
  readonly classes?: readonly string[] | undefined;
  /** Where the numbers are plain pixels: they need no copy. `labels` are those of the entries. */
  readonly plain?:
    | (PlainPixels & {
        readonly count: number;
        readonly labels: readonly RawLabel[] | undefined;
        /** @throws InputError when the pixels are not those of their checksum, where there is one */
        readonly verify?: () => Promise<void>;
      })
    | undefined;
  /** The files that hold images and labels, unless each image has one. */
  readonly files?: readonly string[] | undefined;
  /** All images as pieces, in the order of the entries, where the source has some. May be called several times. */
  readonly pieces?: (() => Iterable<Piece>) | undefined;
  /**
   * A text that changes when the contents do: the paths, sizes and modification times of its files, and labels from other files.
   * @throws InputError when a file is missing
   */
  stamp(): Promise<string>;
  /** The entries in their order. May be called several times. */
  entries(): AsyncIterable<ImageEntry> | Iterable<ImageEntry>;
  /** Releases file handles and temporary files. */
  close(): Promise<void>;
}

/** The parts of a data set. `all` is a set in one piece, which is yet to be split; it stands alone. */
export interface DataSource {
  readonly train?: ImageSource | undefined;
  readonly val?: ImageSource | undefined;
  readonly test?: ImageSource | undefined;
  readonly all?: ImageSource | undefined;
  /** The column that labels are from, where one was asked for, or a model was trained with it. */
  readonly label?: string | undefined;
  /** One line each on what was found and not used: `arrays not used: ids, split`. */
  readonly notes: readonly string[];
}
