import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Compiles a program of this folder into one file, which starts faster than through tsx.
 * @returns path of the compiled program, which needs the environment variable `NODE_PATH`
 */
export async function compile(name: string, folder: string): Promise<string> {
  const outfile = join(folder, `${name}.cjs`);
  const entry = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', packages: 'external', format: 'cjs' });
  return outfile;
}

/** For `require` of compiled programs. */
export const NODE_PATH = dirname(dirname(createRequire(import.meta.url).resolve('fs-native-extensions/package.json')));
