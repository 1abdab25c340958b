import { InputError } from '../io/errors.ts';
import { type ArrayFile, describeArray } from '../io/npy.ts';
import { closeOnError } from '../io/source.ts';
import { bytesPerImage, defineDataset, type ImageDataset, type ImageShape } from './dataset.ts';
import { runs } from './rows.ts';

/** Opens an array of a file; the caller closes its source. */
type OpenArray = () => Promise<ArrayFile>;

/**
 * Opens a data set of arrays in files: uint8 images `[n, h, w]` or `[n, h, w, c]` with 1 or 3 channels, integer labels `[n]`
 * or `[n, 1]`. Images are read by position on request, so memory does not grow with their number; labels into memory.
 * @throws InputError when an array is of another type or shape, there are no images, or the counts differ
 */
export async function openArrayDataset(
  name: string,
  openImages: OpenArray,
  openLabels?: OpenArray | undefined,
  classes?: readonly string[] | undefined,
): Promise<ImageDataset> {
  const images = await openImages();
  const { source, offset } = images;
  return closeOnError(source, async () => {
    const labels = await openLabels?.();
    try {
      const shape = imageShape(images);
      const bytes = bytesPerImage(shape);
      return defineDataset({
        name,
        shape,
        length: images.shape[0] as number,
        labels: labels && (await readLabels(labels, images)),
        classes,
        id: String,
        async read(indices, target) {
          const joined = (i: number) => indices[i] === (indices[i - 1] as number) + 1;
          for (const { from, to } of runs(indices.length, joined)) {
            await source.read(target.subarray(from * bytes, to * bytes), offset + (indices[from] as number) * bytes);
          }
        },
        close: () => source.close(),
      });
    } finally {
      await labels?.source.close();
    }
  });
}

function imageShape(array: ArrayFile): ImageShape {
  const { source, shape, type } = array;
  if (type.name !== 'uint8') {
    const remedy = type.kind === 'float' ? 'multiply them by 255 (if they are in [0, 1]) and save them' : 'save them';
    throw new InputError(
      `${source.name}: its pixels are ${type.name}; uint8 pixels, 0 to 255, were expected: ${remedy} as uint8`,
    );
  }
  if (shape.length !== 3 && shape.length !== 4) {
    throw new InputError(
      `${source.name}: it contains ${describeArray(array)}; images are [count, height, width] or [count, height, width, channels]`,
    );
  }
  const [count, height, width, channels = 1] = shape as [number, number, number, number?];
  if (count * height * width * channels === 0) {
    throw new InputError(`${source.name}: it contains no images (${describeArray(array)})`);
  }
  if (channels !== 1 && channels !== 3) {
    const remedy =
      height === 1 || height === 3
        ? `the channels seem to come first; save the images as [count, height, width, channels], here ${[count, width, channels, height].join('×')}`
        : 'keep 1 (gray) or 3 (RGB)';
    throw new InputError(`${source.name}: its images have ${channels} channels (${describeArray(array)}); ${remedy}`);
  }
  return { height, width, channels };
}

const LARGEST_LABEL = 2 ** 31 - 1;

async function readLabels(array: ArrayFile, images: ArrayFile): Promise<Int32Array> {
  const { source, offset, shape, type } = array;
  const [count, columns = 1] = shape;
  if ((type.kind !== 'uint' && type.kind !== 'int') || count === undefined || columns !== 1 || shape.length > 2) {
    throw new InputError(
      `${source.name}: it contains ${describeArray(array)}; labels are integers, one for each image: [${images.shape[0]}]`,
    );
  }
  if (count !== images.shape[0]) {
    throw new InputError(
      `${source.name}: it contains ${count} labels, but ${images.source.name} contains ${images.shape[0]} images; there must be one label for each image`,
    );
  }
  const bytes = Buffer.alloc(count * type.bytes);
  await source.read(bytes, offset);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sign = type.kind === 'int' ? 'Int' : 'Uint';
  const read = `get${type.bytes === 8 ? 'Big' : ''}${sign}${8 * type.bytes}` as 'getInt32' | 'getBigInt64';
  return Int32Array.from({ length: count }, (_, i) => {
    const label = Number(view[read](i * type.bytes, type.littleEndian));
    if (label >= 0 && label <= LARGEST_LABEL) return label;
    throw new InputError(
      `${source.name}: the label of image ${i} is ${label}; labels are class indices from 0 to ${LARGEST_LABEL}`,
    );
  });
}
