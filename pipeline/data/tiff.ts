import { fromArrayBuffer, type GeoTIFFImage } from 'geotiff';
import type { Metadata } from 'sharp';
import type { Decoder } from './decoder.ts';
import type { EncodedImage, ImageHeader, Values } from './image-source.ts';
import { isGray, openedPhoto, openPhoto } from './photo.ts';

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

/** The header of an image whose numbers are read as they are stored. @param frames pages of the file, where none was asked for */
function numbersHeader(image: GeoTIFFImage, frames: number | undefined): ImageHeader {
  const channels = image.getSamplesPerPixel();
  const orientation = Number(image.fileDirectory.toObject().Orientation ?? 1);
  if (orientation !== 1)
    throw new Error(`numbers of this type with orientation ${orientation} are not supported; turn it`);
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

/** @throws Error where channels are neither gray nor RGB, with or without alpha: stains, bands, a stack in one page */
async function checkChannels(image: EncodedImage, channels: number, gray: boolean): Promise<void> {
  const expected = '; gray or RGB, with or without alpha, was expected; save one file a channel';
  if (channels > (gray ? 2 : 4)) throw new Error(`it has ${channels} channels${expected}`);
  if (channels !== 2) return;
  const { fileDirectory } = await pageOf(image);
  const extra = (await fileDirectory.loadValue('ExtraSamples'))?.[0];
  if (extra !== 1 && extra !== 2) throw new Error(`it has 2 channels, and the second is not alpha${expected}`);
}

/** tiff of any numbers; one page. */
export const tiff: Decoder = {
  async open(image) {
    const metadata = await photoMetadata(image);
    if (metadata) {
      await checkChannels(image, metadata.channels, isGray(metadata));
      return openedPhoto(image, metadata);
    }
    const page = await pageOf(image);
    const pages = image.page === undefined ? await (await openFile(image)).getImageCount() : 1;
    const header = numbersHeader(page, pages > 1 ? pages : undefined);
    const gray = Number(page.fileDirectory.getValue('PhotometricInterpretation')) <= 1;
    await checkChannels(image, header.channels, gray);
    return {
      header,
      decode: async () => ({
        ...header,
        values: (await page.readRasters({ interleave: true })) as unknown as Values,
      }),
    };
  },
  pages: async (image) =>
    (await openPhoto(image)
      .metadata()
      .then(
        ({ pages }) => pages,
        async () => (await openFile(image)).getImageCount(),
      )) ?? 1,
};
