/**
 * `node --import tsx child.ts OUT.json [TEXT]`: runs tfjs-core's own specs, or those with a text in their name, on the eager
 * backend, and writes what came of each as JSON: with the fallback to `cpu`, and again without it where it was used.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { declaredSpecs, loadSpecs } from './jasmine.ts';
import type { Outcome } from './run.ts';
import type * as Specs from './specs.ts';

const [out = '', text = ''] = process.argv.slice(2);
const { compute, declareSpecs } = await loadSpecs<typeof Specs>(fileURLToPath(new URL('specs.ts', import.meta.url)));
compute({ cpuFallback: true });
const run = await declaredSpecs(declareSpecs);
const withFallback = await run((name) => name.includes(text));
// The others never needed the fallback: without it, they would do the same again.
const names = new Set(withFallback.filter(({ counted }) => counted > 0).map(({ name }) => name));
compute({ cpuFallback: false });
const withoutFallback = await run((name) => names.has(name));
const outcome: Outcome = { withFallback, withoutFallback };
writeFileSync(
  out,
  JSON.stringify(outcome, (key, value) => (key === 'name' ? withoutEnvironment(value) : value)),
);

/** Jasmine adds the environment to the names of specs. */
function withoutEnvironment(name: string): string {
  return name.replace(/\s*test-onnx \{\}/, '');
}
