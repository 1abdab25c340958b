import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CONVERTER: Record<string, string> = {
  'tfjs-to-onnx': 'pipeline/tfjs-to-onnx/src/index.ts',
  'tfjs-to-onnx/backend': 'pipeline/tfjs-to-onnx/src/eager.ts',
};

/** Compiles each module by itself, and has it import the compiled ones. */
const modules: Plugin = {
  name: 'modules',
  setup: ({ onResolve }) =>
    onResolve({ filter: /./ }, ({ path, kind, resolveDir }) => {
      if (kind === 'entry-point') return undefined;
      const converter = CONVERTER[path];
      const target = converter ? `./${posix.relative(resolveDir, ROOT + converter)}` : path;
      return { path: target.startsWith('.') ? target.replace(/\.ts$/, '.js') : path, external: true };
    }),
};

/**
 * Compiles convae into a folder as the package has it, since a process that loads its source takes a second longer to start.
 * Tests start it by `CONVAE_COMPILED`.
 */
export default async function compileConvae(): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'convae-compiled-'));
  const dist = join(folder, 'dist');
  mkdirSync(dist);
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(ROOT, name), join(folder, name));
  symlinkSync(join(ROOT, 'web-viewer'), join(dist, 'web-viewer'));
  cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
  const files = ['models', 'pipeline']
    .flatMap((room) => readdirSync(join(ROOT, room), { recursive: true }).map((name) => join(room, `${name}`)))
    .filter((name) => !/\/(node_modules|dist)\/|tsdown\.config|\.d\.ts$/.test(name));
  await build({
    entryPoints: files.filter((name) => /\.[jt]s$/.test(name)),
    absWorkingDir: ROOT,
    outdir: dist,
    outbase: ROOT,
    bundle: true,
    platform: 'node',
    format: 'esm',
    plugins: [modules],
    logLevel: 'error',
  });
  for (const name of files.filter((name) => /\.(css|py|cc|txt)$/.test(name))) {
    mkdirSync(dirname(join(dist, name)), { recursive: true });
    cpSync(join(ROOT, name), join(dist, name));
  }
  process.env.CONVAE_COMPILED = join(folder, 'bin/convae.cjs'); // inherited by the processes that run the tests
  return () => rmSync(folder, { recursive: true, force: true });
}
