import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

test('the command line imports yargs and no other package before a command runs', async () => {
  const cli = fileURLToPath(new URL('../../pipeline/cli.ts', import.meta.url));
  const options = { bundle: true, splitting: true, packages: 'external', platform: 'node', format: 'esm' } as const;
  const { metafile } = await build({ ...options, entryPoints: [cli], outdir: 'unused', write: false, metafile: true });
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (output: string) => {
    if (seen.has(output)) return;
    seen.add(output);
    for (const { path, kind, external } of metafile.outputs[output]?.imports ?? []) {
      if (kind !== 'import-statement') continue;
      if (external) packages.add(path);
      else visit(path);
    }
  };
  const entry = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint?.endsWith('pipeline/cli.ts'));
  visit(entry?.[0] ?? '');
  const ofNode = (name: string) => name.startsWith('node:');
  expect([...packages].filter((name) => !ofNode(name)).sort()).toEqual(['yargs', 'yargs/helpers']);
});
