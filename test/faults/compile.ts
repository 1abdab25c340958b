import { mkdirSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CONVERTER = join(ROOT, 'pipeline/tfjs-to-onnx/src');

/** Gives each module the place of its source, so that it finds the files beside it. */
const places: Plugin = {
  name: 'places',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const place = `const sourceUrl = ${JSON.stringify(pathToFileURL(path).href)}, sourcePath = ${JSON.stringify(path)};`;
      return { contents: place + (await readFile(path, 'utf8')), loader: 'ts' };
    }),
};

/**
 * Compiles a program into one file, which starts in a third of the time.
 * @param program a TypeScript file
 * @param folder is created; the compiled program is in it
 * @returns path of the compiled program
 */
export async function compile(program: URL, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(ROOT, name), join(folder, name));
  const path = fileURLToPath(program);
  const outfile = join(folder, `${basename(path, '.ts')}.mjs`);
  await build({
    entryPoints: [path],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    alias: { 'tfjs-to-onnx': join(CONVERTER, 'index.ts'), 'tfjs-to-onnx/backend': join(CONVERTER, 'eager.ts') },
    define: { 'import.meta.url': 'sourceUrl', 'import.meta.filename': 'sourcePath' },
    plugins: [places],
    logLevel: 'error',
  });
  return outfile;
}
