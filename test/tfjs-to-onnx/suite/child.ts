/**
 * `node --import tsx child.ts [--cpu-fallback] [--part I/N] [--only TEXT] OUT.json`: runs tfjs-core's own specs on the eager
 * backend and writes what came of each as JSON. Without `--cpu-fallback`, every call has to be lowered to ONNX.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadSpecs, runSpecs, type Spec } from './jasmine.ts';
import type * as Specs from './specs.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'cpu-fallback': { type: 'boolean' }, part: { type: 'string' }, only: { type: 'string' } },
});
const results = await runSpecs(async () => {
  const { declareSpecs } = await loadSpecs<typeof Specs>(fileURLToPath(new URL('specs.ts', import.meta.url)));
  await declareSpecs({ cpuFallback: flags['cpu-fallback'] ?? false, onlyGraphs: true, threads: 1 });
}, chosen(flags));
// Jasmine adds the environment to the names of specs.
const named = results.map(({ name, failures }) => ({ name: name.replace(/\s*test-onnx \{\}/, ''), failures }));
writeFileSync(positionals[0] as string, JSON.stringify(named));

/** Which specs run: those with a text in their name, or every N-th group of a hundred. */
function chosen({ only = '', part = '0/1' }: { only?: string; part?: string }): (spec: Spec) => boolean {
  const [index = 0, parts = 1] = part.split('/').map(Number);
  let seen = 0;
  return (spec) => spec.getFullName().includes(only) && Math.floor(seen++ / 100) % parts === index;
}
