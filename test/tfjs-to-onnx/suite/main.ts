/**
 * `npx tsx test/tfjs-to-onnx/suite/main.ts [--cpu-fallback] [--only TEXT] [--out FILE]`: runs tfjs-core's own specs on
 * the eager backend, prints how many ran and failed, and compares with the list of known failures. Without
 * `--cpu-fallback`, those that need the fallback run, and are refused.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { knownFailures } from './known-failures.ts';
import { runSuite } from './run.ts';

const { values: flags } = parseArgs({
  options: {
    'cpu-fallback': { type: 'boolean', default: false },
    only: { type: 'string', default: process.env.ONLY ?? '' },
    out: { type: 'string' },
  },
});
const started = performance.now();
const { withFallback, withoutFallback } = await runSuite(flags.only);
const results = flags['cpu-fallback'] ? withFallback : withoutFallback;
const failed = results.filter(({ failures }) => failures.length > 0);
const known = flags['cpu-fallback'] ? {} : knownFailures;
for (const { name, failures } of failed) {
  if (!(name in known)) console.log(`${name}\n    ${failures[0]?.split('\n').slice(0, 2).join(' ').slice(0, 400)}`);
}
const passed = new Set(results.filter(({ failures }) => failures.length === 0).map(({ name }) => name));
for (const name of Object.keys(known)) if (passed.has(name)) console.log(`passes now: ${name}`);
if (flags.out) writeFileSync(flags.out, JSON.stringify(results, undefined, 1));
const seconds = ((performance.now() - started) / 1000).toFixed(0);
const listed = failed.filter(({ name }) => name in known).length;
console.log(`ran ${results.length}, failed ${failed.length} (${listed} of them known), ${seconds} s`);
process.exitCode = failed.length > listed ? 1 : 0;
