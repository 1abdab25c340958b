import { bytesPerImage, type ImageDataset } from './dataset.ts';
import { fingerprintOf } from './fingerprint.ts';

/**
 * Completes a reader: `read` checks what it is given (RangeError: the caller's mistake, not the data's) and the
 * fingerprint is computed in the one way that makes fingerprints comparable.
 */
export function defineDataset(reader: Omit<ImageDataset, 'fingerprint'>): ImageDataset {
  const { name, length } = reader;
  const bytes = bytesPerImage(reader.shape);
  const dataset: ImageDataset = {
    ...reader,
    async read(indices, target) {
      if (target.length < indices.length * bytes) {
        throw new RangeError(
          `${name}: ${indices.length} images need ${indices.length * bytes} bytes, the target has ${target.length}`,
        );
      }
      for (let i = 0; i < indices.length; i++) {
        const index = indices[i];
        if (index === undefined || !(Number.isInteger(index) && index >= 0 && index < length)) {
          throw new RangeError(`${name}: there is no image ${index}; it has ${length}, counted from 0`);
        }
      }
      await reader.read(indices, target);
    },
    fingerprint: () => fingerprintOf(dataset),
  };
  return dataset;
}
