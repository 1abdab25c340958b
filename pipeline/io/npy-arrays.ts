import { readFile, writeFile } from 'node:fs/promises';
import { dump, parse } from 'npyjs';

/** Writes numbers as a numpy array. */
export async function writeArray(path: string, numbers: Float32Array | Int32Array, shape: number[]): Promise<void> {
  await writeFile(path, new Uint8Array(dump(numbers, shape)));
}

/** Reads a float32 array. @throws Error when it is none, or has another shape */
export async function readFloats(path: string, shape: readonly number[]): Promise<Float32Array> {
  const bytes = await readFile(path);
  const { data, shape: found } = parse(new Uint8Array(bytes).buffer);
  if (data instanceof Float32Array && found.join() === shape.join()) return data;
  throw new Error(`${path}: not float32 ${shape.join('×')}`);
}
