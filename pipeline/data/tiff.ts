import { fromArrayBuffer, type GeoTIFFImage } from 'geotiff';
import type { Metadata } from 'sharp';
import type { Decoder, OpenImage } from './decoder.ts';
import type { EncodedImage, ImageHeader, Values } from './image-source.ts';
import { isGray, openedPhoto, openPhoto } from './photo.ts';
import { range } from './rows.ts';

/** Names of types by the tag SampleFormat: 1 unsigned, 2 signed, 3 float. */
const KINDS: Readonly<Record<number, string>> = { 1: 'uint', 2: 'int', 3: 'float' };

const openFile = ({ bytes }: EncodedImage) =>
  fromArrayBuffer(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer);

const pageOf = async (image: EncodedImage) => (await openFile(image)).getImage(image.page ?? 0);

/**
 * What sharp says of an image, or undefined where it would change the numbers: it clips signed 16 bits and halves, refuses
 * doubles, and drops the second channel of numbers of other types.
 */
async function photoMetadata(image: EncodedImage): Promise<Metadata | undefined> {
  const metadata = await openPhoto(image)
    .metadata()
    .catch(async (error: unknown) => {
      // The message does not tell, since libvips mixes those of images that are read at the same time.
      const bits = await pageOf(image).then(
        (page) => page.getBitsPerSample(),
        () => 0,
      );
      if (bits > 32) return undefined;
      throw error;
    });
  const { space, depth, channels } = metadata ?? {};
  const wide = space === 'grey16' || space === 'rgb16';
  if (wide ? depth !== 'ushort' : space === 'b-w' && channels === 2 && depth !== 'uchar') return undefined;
  return metadata;
}

const tag = (image: GeoTIFFImage, name: 'PhotometricInterpretation' | 'Compression' | 'NewSubfileType') =>
  Number(image.fileDirectory.getValue(name) ?? 0);

/** Values of PhotometricInterpretation. */
const [BLACK_IS_ZERO, RGB, YCBCR] = [1, 2, 6];
/** Values of Compression: JPEG, whose YCbCr libvips converts, and ZSTD and LERC, which it does not read. */
const JPEG: readonly number[] = [6, 7];
const UNKNOWN: readonly number[] = [50000, 34887];

/** The header of an image whose numbers are read as they are stored. @param frames pages of the file, where none was asked for */
function numbersHeader(image: GeoTIFFImage, frames: number | undefined): ImageHeader {
  const channels = image.getSamplesPerPixel();
  const orientation = Number(image.fileDirectory.toObject().Orientation ?? 1);
  if (orientation !== 1)
    throw new Error(`numbers of this type with orientation ${orientation} are not supported; turn it`);
  const photometric = tag(image, 'PhotometricInterpretation');
  if (photometric !== BLACK_IS_ZERO && photometric !== RGB)
    throw new Error(
      `numbers of this type with photometric interpretation ${photometric} are not supported; save it as RGB, or as gray with 0 for black`,
    );
  const kind = KINDS[image.getSampleFormat()] ?? 'unknown';
  // Halves are read as floats of 32 bits, which is exact.
  const bits = kind === 'float' ? Math.max(32, image.getBitsPerSample()) : image.getBitsPerSample();
  return {
    height: image.getHeight(),
    width: image.getWidth(),
    channels: channels as 1 | 2 | 3 | 4,
    type: `${kind}${bits}`,
    frames,
  };
}

/** @throws Error where channels are neither gray nor RGB, with or without alpha: of a microscope, bands, a stack in one page */
async function checkChannels(image: GeoTIFFImage, channels: number, gray: boolean, alpha: boolean): Promise<void> {
  const expected = '; gray or RGB, with or without alpha, was expected; save one file a channel';
  if (channels > (gray ? 2 : 4)) throw new Error(`it has ${channels} channels${expected}`);
  if (tag(image, 'PhotometricInterpretation') === YCBCR && !JPEG.includes(tag(image, 'Compression')))
    throw new Error('YCbCr without JPEG compression is not supported; save it as RGB');
  if (!alpha) return;
  const extra = (await image.fileDirectory.loadValue('ExtraSamples'))?.[0];
  if (extra !== 1 && extra !== 2) throw new Error(`it has ${channels} channels, and the last is not alpha${expected}`);
}

/** What ImageJ and OME-XML say of channels that are pages. */
const CHANNELS = /^ImageJ=[\s\S]*^channels=(\d+)|<Pixels[^>]*\sSizeC="(\d+)"/m;

/** Channels that are pages of their own; undefined where there is one, or several are in each page. */
async function channelPagesOf({ fileDirectory }: GeoTIFFImage, channels: number): Promise<number | undefined> {
  if (fileDirectory.nextIFDByteOffset === 0) return undefined;
  const description = await fileDirectory.loadValue('ImageDescription').catch(() => undefined);
  const [, imagej, ome] = CHANNELS.exec(String(description ?? '')) ?? [];
  const count = Number(imagej ?? ome ?? 1);
  return channels === 1 && count > 1 ? count : undefined;
}

/** tiff of any numbers; one page. */
export const tiff: Decoder = {
  async open(image) {
    const page = await pageOf(image);
    const opened = await openPage(image, page);
    const channelPages = await channelPagesOf(page, opened.header.channels);
    return channelPages === undefined
      ? opened
      : {
          header: { ...opened.header, channelPages },
          decode: async (target) => ({ ...(await opened.decode(target)), channelPages }),
        };
  },
  /** Smaller versions of a page, and masks of it, are left out. */
  async pages(image) {
    const file = await openFile(image);
    // libvips finds pages that lead in a circle.
    const count = await openPhoto(image)
      .metadata()
      .then(
        ({ pages = 1 }) => pages,
        () => file.getImageCount(),
      );
    const pages = range(0, count);
    const kindOf = (page: number) =>
      file.getImage(page).then(
        (own) => tag(own, 'NewSubfileType'),
        () => 0, // decoding says what is wrong
      );
    const kinds = count > 1 ? await Promise.all(Array.from(pages, kindOf)) : [0];
    const own = pages.filter((page) => ((kinds[page] as number) & 5) === 0);
    return own.length > 0 ? own : pages;
  },
};

async function openPage(image: EncodedImage, page: GeoTIFFImage): Promise<OpenImage> {
  const metadata = await photoMetadata(image);
  if (metadata && !UNKNOWN.includes(tag(page, 'Compression'))) {
    await checkChannels(page, metadata.channels, isGray(metadata), metadata.hasAlpha);
    return openedPhoto(image, metadata);
  }
  const pages = image.page === undefined ? await (await openFile(image)).getImageCount() : 1;
  const header = numbersHeader(page, pages > 1 ? pages : undefined);
  await checkChannels(
    page,
    header.channels,
    tag(page, 'PhotometricInterpretation') === BLACK_IS_ZERO,
    header.channels % 2 === 0,
  );
  return {
    header,
    decode: async () => ({
      ...header,
      values: (await page.readRasters({ interleave: true })) as unknown as Values,
    }),
  };
}
