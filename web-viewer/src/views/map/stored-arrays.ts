import { signal } from '@preact/signals';
import type { FileSource } from '../../site/files.ts';
import { readNpy } from '../../site/npy.ts';
import { messageOf } from '../../site/problem.ts';
import { colourBy, model, problem } from '../../state/store.ts';

type StoredType = '<f4' | '<f8' | '<i4';
type Stored = Float32Array | Float64Array | Int32Array;

export type StoredArrays = ReturnType<typeof createStoredArrays>;

/** Arrays of the open model's points that are read when they are first needed. */
export function createStoredArrays() {
  const read = signal<{
    readonly source: FileSource | null;
    readonly files: ReadonlyMap<string, Stored>;
  }>({
    source: null,
    files: new Map(),
  });
  const reading = new WeakMap<FileSource, Set<string>>();

  async function load(
    source: FileSource,
    file: string,
    dtype: readonly StoredType[],
    shape: readonly number[],
  ): Promise<void> {
    try {
      const array = readNpy(await source.read(file), dtype, shape.length, file);
      if (array.shape.join() !== shape.join())
        throw new Error(`${file} has ${array.shape.join('×')} numbers, not ${shape.join('×')}`);
      if (model.peek()?.source !== source) return;
      const files = read.peek().source === source ? read.peek().files : [];
      read.value = { source, files: new Map([...files, [file, array.data]]) };
    } catch (error) {
      reading.get(source)?.delete(file);
      if (model.peek()?.source === source) problem.value = messageOf(error);
    }
  }

  return {
    /** The numbers of a file of the open model; null until they are there. A signal changes then. */
    array(file: string, dtype: readonly StoredType[], ...shape: number[]): Stored | null {
      const source = model.value?.source;
      const found = read.value.source === source ? read.value.files.get(file) : undefined;
      if (found || !source) return found ?? null;
      void colourBy.value; // One that failed is asked for again when a column is chosen.
      const files = reading.get(source) ?? new Set();
      reading.set(source, files);
      if (!files.has(file)) void load(source, file, dtype, shape);
      files.add(file);
      return null;
    },
  };
}
