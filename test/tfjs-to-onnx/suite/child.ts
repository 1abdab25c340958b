/**
 * `node --import tsx child.ts [--cpu-fallback] [--only TEXT] [--names FILE.json] OUT.json`: runs tfjs-core's own specs on the
 * eager backend and writes what came of each as JSON. Without `--cpu-fallback`, every call has to be lowered to ONNX.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadSpecs, runSpecs, type Spec } from './jasmine.ts';
import type * as Specs from './specs.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'cpu-fallback': { type: 'boolean' }, only: { type: 'string' }, names: { type: 'string' } },
});
const results = await runSpecs(async () => {
  const { declareSpecs } = await loadSpecs<typeof Specs>(fileURLToPath(new URL('specs.ts', import.meta.url)));
  return declareSpecs({ cpuFallback: flags['cpu-fallback'] ?? false, onlyGraphs: true, threads: 1 });
}, chosen(flags));
writeFileSync(
  positionals[0] as string,
  JSON.stringify(results.map((result) => ({ ...result, name: withoutEnvironment(result.name) }))),
);

/** Which specs run: those with a text in their name, or whose name is in a file. */
function chosen({ only = '', names }: { only?: string; names?: string }): (spec: Spec) => boolean {
  const listed = names && new Set(JSON.parse(readFileSync(names, 'utf8')) as string[]);
  return (spec) => {
    const name = withoutEnvironment(spec.getFullName());
    return name.includes(only) && (!listed || listed.has(name));
  };
}

/** Jasmine adds the environment to the names of specs. */
function withoutEnvironment(name: string): string {
  return name.replace(/\s*test-onnx \{\}/, '');
}
