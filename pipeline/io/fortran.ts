import type { ArrayFile } from './npy.ts';
import { temporaryFile } from './source.ts';

/** Bytes that are held in memory at a time. */
const BLOCK = 2 ** 26;

/**
 * An array in C's order: one in Fortran's is rewritten into a temporary file, and its own source is closed.
 * @throws InputError when its file ends early; EnvironmentError when the temporary folder cannot hold it
 */
export async function inCOrder(array: ArrayFile): Promise<ArrayFile> {
  if (!array.fortran) return array;
  const { source, shape, type } = array;
  const count = shape[0] ?? 0;
  const step = Math.max(1, Math.floor(BLOCK / rowBytes(array)));
  try {
    const rewritten = await temporaryFile(source.name, 'rewrite', async (handle) => {
      for (let first = 0; first < count; first += step) {
        await handle.appendFile(await rowsInCOrder(array, first, Math.min(step, count - first)));
      }
    });
    return { source: rewritten, offset: 0, shape, type };
  } finally {
    await source.close();
  }
}

const rowBytes = ({ shape, type }: Pick<ArrayFile, 'shape' | 'type'>): number =>
  shape.slice(1).reduce((product, side) => product * side, type.bytes);

/** Some rows (indices of the first axis) of an array in Fortran's order, where the numbers of a row are that axis apart. */
export async function rowsInCOrder(array: ArrayFile, first: number, count: number): Promise<Uint8Array> {
  const { source, offset, shape, type } = array;
  const { bytes } = type;
  const [rows = 0, ...sides] = shape;
  const perRow = rowBytes(array);
  const places = perRow / bytes;
  const target = new Uint8Array(count * perRow);
  const whole = count === rows;
  const column = new Uint8Array((whole ? places : 1) * count * bytes);
  if (whole) await source.read(column, offset);
  for (let place = 0; place < places; place++) {
    if (!whole) await source.read(column, offset + (place * rows + first) * bytes);
    const from = whole ? place * count * bytes : 0;
    const to = placeInC(place, sides) * bytes;
    for (let row = 0; row < count; row++) {
      for (let byte = 0; byte < bytes; byte++) {
        target[row * perRow + to + byte] = column[from + row * bytes + byte] as number;
      }
    }
  }
  return target;
}

/** Position in C's order of what is at `place` in Fortran's. */
function placeInC(place: number, sides: readonly number[]): number {
  let rest = place;
  let stride = sides.reduce((product, side) => product * side, 1);
  let position = 0;
  for (const side of sides) {
    stride /= side;
    position += (rest % side) * stride;
    rest = Math.floor(rest / side);
  }
  return position;
}
