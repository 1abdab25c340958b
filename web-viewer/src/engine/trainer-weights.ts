import type { TrainStep } from '../site/schema.ts';
import type { WeightFiles } from './protocol.ts';

/** A weight inside one of the model's files. */
export type WeightPlace = TrainStep['weights'][number];
/** The state between steps by name, each tensor in the order of its variable. */
export type TrainState = ReadonlyMap<string, Float32Array>;

const keyOf = (file: WeightPlace['file']) => (file === 'encoder.onnx' ? 'encoder' : 'decoder');

/**
 * Reads the values of a variable from a file.
 * @throws RangeError when they are outside the file
 */
export function readWeight(file: Uint8Array, place: WeightPlace): Float32Array {
  const view = viewOf(file, place);
  const values = new Float32Array(place.bytes / 4);
  visit(place, (there, here) => {
    values[here] = view.getFloat32(4 * there, true);
  });
  return values;
}

/**
 * Writes the values of a variable into a file.
 * @throws RangeError when their place is outside the file
 */
export function writeWeight(file: Uint8Array, place: WeightPlace, values: Float32Array): void {
  const view = viewOf(file, place);
  if (values.length !== place.bytes / 4) throw new RangeError(`${place.variable} has ${values.length} numbers`);
  visit(place, (there, here) => view.setFloat32(4 * there, values[here] as number, true));
}

/** The initial state: the weights of the files, and the optimizer's state before its first step. */
export function initialState({ state, weights }: TrainStep, files: WeightFiles): TrainState {
  return new Map(
    state.map(({ name, shape, initial }) => {
      if (initial !== 'weights') {
        return [name, new Float32Array(shape.reduce((size, side) => size * side, 1)).fill(initial)];
      }
      const place = weights.find(({ variable }) => variable === name);
      if (!place) throw new RangeError(`the card does not say where ${name} is`);
      return [name, readWeight(files[keyOf(place.file)], place)];
    }),
  );
}

/** Copies of the files with the weights of a state at every occurrence. */
export function withWeights({ weights }: TrainStep, files: WeightFiles, state: TrainState): WeightFiles {
  const copies = { encoder: files.encoder.slice(), decoder: files.decoder.slice() };
  for (const place of weights) {
    const values = state.get(place.variable);
    if (!values) throw new RangeError(`the state does not have ${place.variable}`);
    writeWeight(copies[keyOf(place.file)], place, values);
  }
  return copies;
}

function viewOf(file: Uint8Array, { variable, offset, bytes }: WeightPlace): DataView {
  if (offset + bytes > file.length) throw new RangeError(`${variable} is not inside the file`);
  return new DataView(file.buffer, file.byteOffset + offset, bytes);
}

/** Visits the values in the file's order, each with its index in the variable. */
function visit({ shape, permutation }: WeightPlace, each: (there: number, here: number) => void): void {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, side) => size * side, 1));
  const sides = permutation.map((axis) => shape[axis] as number);
  const steps = permutation.map((axis) => strides[axis] as number);
  const at = sides.map(() => 0);
  const count = shape.reduce((size, side) => size * side, 1);
  let here = 0;
  for (let there = 0; there < count; there++) {
    each(there, here);
    for (let axis = sides.length - 1; axis >= 0; axis--) {
      here += steps[axis] as number;
      at[axis] = (at[axis] as number) + 1;
      if ((at[axis] as number) < (sides[axis] as number)) break;
      here -= (steps[axis] as number) * (sides[axis] as number);
      at[axis] = 0;
    }
  }
}
