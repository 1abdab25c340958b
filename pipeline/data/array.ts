import { InputError } from '../io/errors.ts';
import { type ArrayFile, describeArray, type NumberType } from '../io/npy.ts';
import { bytesPerImage, type ImageDataset, type ImageShape } from './dataset.ts';
import { defineDataset } from './define.ts';
import { stretches } from './indices.ts';

/**
 * A data set of arrays in files: uint8 images `[n, h, w]` or `[n, h, w, c]` with 1 or 3 channels, integer labels `[n]` or `[n, 1]`.
 * Images are read by position when asked for; labels are held. Takes over the images' source: `close` closes it.
 * @throws InputError when an array is of another kind, there are no images, or the counts differ
 */
export async function arrayDataset(
  name: string,
  images: ArrayFile,
  labels?: ArrayFile,
  classes?: readonly string[],
): Promise<ImageDataset> {
  const shape = imageShape(images);
  const length = images.shape[0] as number;
  const { source, offset } = images;
  const bytes = bytesPerImage(shape);
  return defineDataset({
    name,
    shape,
    length,
    labels: labels && (await readLabels(labels, images)),
    classes,
    id: String,
    async read(indices, target) {
      const joined = (i: number) => indices[i] === (indices[i - 1] as number) + 1;
      for (const { from, to } of stretches(indices.length, joined)) {
        await source.read(target.subarray(from * bytes, to * bytes), offset + (indices[from] as number) * bytes);
      }
    },
    close: () => source.close(),
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
      `${source.name}: it holds ${describeArray(array)}; images are [count, height, width] or [count, height, width, channels]`,
    );
  }
  const [count, height, width, channels = 1] = shape as [number, number, number, number?];
  if (count * height * width * channels === 0) {
    throw new InputError(`${source.name}: it holds no images (${describeArray(array)})`);
  }
  if (channels !== 1 && channels !== 3) {
    const remedy =
      height === 1 || height === 3
        ? `the channels seem to come first: save the images as [count, height, width, channels], here ${[count, width, channels, height].join('×')}`
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
      `${source.name}: it holds ${describeArray(array)}; labels are integers, one for each image: [${images.shape[0]}]`,
    );
  }
  if (count !== images.shape[0]) {
    throw new InputError(
      `${source.name}: it holds ${count} labels, and ${images.source.name} holds ${images.shape[0]} images; they must be as many`,
    );
  }
  const bytes = Buffer.alloc(count * type.bytes);
  await source.read(bytes, offset);
  const number = numberReader(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), type);
  return Int32Array.from({ length: count }, (_, i) => {
    const label = number(i * type.bytes);
    if (label >= 0 && label <= LARGEST_LABEL) return label;
    throw new InputError(
      `${source.name}: the label of image ${i} is ${label}; labels are class numbers from 0 to ${LARGEST_LABEL}`,
    );
  });
}

function numberReader(view: DataView, { kind, bytes, littleEndian }: NumberType): (at: number) => number {
  const signed = kind === 'int';
  switch (bytes) {
    case 1:
      return (at) => (signed ? view.getInt8(at) : view.getUint8(at));
    case 2:
      return (at) => (signed ? view.getInt16(at, littleEndian) : view.getUint16(at, littleEndian));
    case 4:
      return (at) => (signed ? view.getInt32(at, littleEndian) : view.getUint32(at, littleEndian));
    default:
      return (at) => Number(signed ? view.getBigInt64(at, littleEndian) : view.getBigUint64(at, littleEndian));
  }
}
