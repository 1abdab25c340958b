import sharp, { type Metadata, type Sharp } from 'sharp';
import type { Decoder, OpenImage, Target } from './decoder.ts';
import type { EncodedImage, ImageHeader, StoredImage, Values } from './image-source.ts';

/** Many small images are decoded in parallel, each on one thread. Without a cache, so that changed files are read again. */
sharp.concurrency(1);
sharp.cache(false);

/** numpy's names of libvips's types of number, and their arrays. */
const TYPES = {
  uchar: ['uint8', Uint8Array],
  char: ['int8', Int8Array],
  ushort: ['uint16', Uint16Array],
  short: ['int16', Int16Array],
  uint: ['uint32', Uint32Array],
  int: ['int32', Int32Array],
  float: ['float32', Float32Array],
  double: ['float64', Float64Array],
} as const;
type Depth = keyof typeof TYPES;

/** Whether an image is stored as gray, with or without alpha. */
export const isGray = ({ space }: Metadata): boolean => space === 'b-w' || space === 'grey16';

/**
 * Spaces whose numbers are used as they are stored; libvips converts the others, which are in colour, to 8-bit sRGB. AVIF of 10
 * and 12 bits is among the others, since libvips gives its numbers shifted.
 */
function depthOf({ space, depth, format }: Metadata): Depth {
  const stored = space === 'b-w' || space === 'grey16' || space === 'srgb' || space === 'rgb16' || space === 'scrgb';
  return stored && format !== 'heif' && depth !== undefined && depth in TYPES ? (depth as Depth) : 'uchar';
}

/** Opens an image with the library that decodes photographs (sharp). */
export const openPhoto = ({ bytes, page = 0 }: EncodedImage, options: { ignoreIcc?: boolean } = {}): Sharp =>
  sharp(bytes, { failOn: 'error', limitInputPixels: false, page, ...options });

/** Where the chunk that says the frames of an animated PNG is, if there is one: next to the header. */
const PNG_START = 256;

function framesOf({ format, pages = 1 }: Metadata, bytes: Uint8Array): number {
  const start = Buffer.from(bytes.subarray(0, PNG_START));
  const at = format === 'png' ? start.subarray(0, -8).indexOf('acTL') : -1;
  return at < 0 ? pages : start.readUInt32BE(at + 4);
}

function photoHeader(metadata: Metadata, { bytes, page }: EncodedImage): ImageHeader {
  const { autoOrient, hasAlpha } = metadata;
  const pages = framesOf(metadata, bytes);
  const channels = ((isGray(metadata) ? 1 : 3) + (hasAlpha ? 1 : 0)) as 1 | 2 | 3 | 4;
  const frames = page === undefined && pages > 1 ? { frames: pages } : {};
  return { height: autoOrient.height, width: autoOrient.width, channels, type: TYPES[depthOf(metadata)][0], ...frames };
}

/** How many times larger than its target a photograph must be to be made smaller while it is decoded. */
const MUCH_LARGER = 4;

/** The size, twice the target's at least, that a much larger jpg or webp is made smaller to: these decode faster so. */
function smallerSize({ format }: Metadata, { height, width, type }: ImageHeader, target: Target | undefined) {
  const smaller = target && type === 'uint8' && Math.min(height / target.height, width / target.width) >= MUCH_LARGER;
  if (!smaller || (format !== 'jpeg' && format !== 'webp')) return undefined;
  return { height: 2 * target.height, width: 2 * target.width, fit: 'outside' } as const;
}

/**
 * Decodes CMYK without a profile as browsers and Pillow do: R = (255 − C)(255 − K) / 255, likewise G and B; 16 bits likewise. libvips would take a
 * profile of its own, whose colours are up to a hundred levels away.
 */
async function decodeCmyk(image: EncodedImage, header: ImageHeader, wide: boolean): Promise<StoredImage> {
  const cmyk = openPhoto(image).pipelineColourspace('cmyk').autoOrient().toColourspace('cmyk');
  const { data, info } = await cmyk.raw({ depth: wide ? 'ushort' : 'uchar' }).toBuffer({ resolveWithObject: true });
  const inks = wide ? new Uint16Array(new Uint8Array(data).buffer) : data;
  const full = wide ? 65535 : 255;
  const values = new Uint8Array(info.height * info.width * 3);
  for (let i = 0; i < values.length; i++) {
    const [ink, black] = [inks[Math.floor(i / 3) * 4 + (i % 3)] as number, inks[Math.floor(i / 3) * 4 + 3] as number];
    values[i] = Math.round((255 * (full - ink) * (full - black)) / full ** 2);
  }
  return { ...header, height: info.height, width: info.width, values };
}

async function decodePhoto(image: EncodedImage, metadata: Metadata, target?: Target): Promise<StoredImage> {
  const header = photoHeader(metadata, image);
  if (metadata.space === 'cmyk' && !metadata.icc && !metadata.hasAlpha)
    return decodeCmyk(image, header, metadata.depth === 'ushort');
  const depth = depthOf(metadata);
  const gray = isGray(metadata);
  // libvips drops alpha from b-w and would cut 16 bits in srgb: each kind of number has a space that leaves it as it is.
  const grayAlpha = gray && header.channels === 2 && depth === 'uchar';
  const space = depth === 'uchar' ? (gray && !grayAlpha ? 'b-w' : 'srgb') : (metadata.space as string);
  // Numbers of 16 bits that are sRGB already need no conversion, which would round them.
  const wide = metadata.icc !== undefined && space === 'rgb16';
  const standard = wide && /sRGB|s\0R\0G\0B/.test(metadata.icc?.toString('latin1') ?? '');
  const smaller = smallerSize(metadata, header, target);
  const upright = openPhoto(image, { ignoreIcc: standard }).autoOrient();
  let work = (smaller ? upright.resize(smaller) : upright).toColourspace(space);
  if (wide && !standard) work = work.withIccProfile('srgb'); // otherwise they would become Display P3
  const { data, info } = await work.raw({ depth }).toBuffer({ resolveWithObject: true });
  const [, Numbers] = TYPES[depth];
  let values: Values = new Numbers(
    data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer,
  );
  if (grayAlpha && info.channels === 4) values = values.filter((_, i) => i % 4 === 0 || i % 4 === 3);
  const { height, width } = info;
  if (values.length !== height * width * header.channels) {
    throw new Error(`it has ${info.channels} channels; ${header.channels} were expected`);
  }
  return {
    ...header,
    height,
    width,
    values,
    ...(smaller && { original: { height: header.height, width: header.width } }),
  };
}

/** An image whose header sharp has read. */
export const openedPhoto = (image: EncodedImage, metadata: Metadata): OpenImage => ({
  header: photoHeader(metadata, image),
  decode: (target) => decodePhoto(image, metadata, target),
});

/** png, jpg, webp, gif and avif. Of an animation, the first frame. */
export const photo: Decoder = {
  open: async (image) => openedPhoto(image, await openPhoto(image).metadata()),
};
