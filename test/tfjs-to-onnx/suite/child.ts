/**
 * `node --import tsx child.ts [--cpu-fallback] [--part I/N] [--only TEXT] OUT.json`: runs tfjs-core's own specs on the eager
 * backend and writes what came of each as JSON. Without `--cpu-fallback` every
 * call has to be lowered to ONNX.
 * `TRACE=1` prints the name of each spec before it runs.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import type * as Specs from './specs.ts';

/** A spec that ran. */
export interface SpecResult {
  readonly name: string;
  /** What was expected and what came, where it failed. */
  readonly failures: readonly string[];
}

interface Done {
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'pending' | 'excluded';
  readonly failedExpectations: readonly { readonly message: string; readonly stack?: string }[];
}

interface Spec {
  getFullName(): string;
}

interface Jasmine {
  getEnv(): {
    configure(options: { readonly random?: boolean; specFilter?(spec: Spec): boolean }): void;
    addReporter(reporter: {
      specStarted(spec: Done): void;
      specDone(spec: Done): void;
      suiteDone(suite: Done): void;
    }): void;
    execute(): Promise<Pick<Done, 'failedExpectations'>>;
  };
}

const require = createRequire(import.meta.url);
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'cpu-fallback': { type: 'boolean' }, part: { type: 'string' }, only: { type: 'string' } },
});

const jasmine = (require('jasmine-core') as { boot(): Jasmine }).boot();
const { declareSpecs, ENVIRONMENT } = await loadSpecs();
await declareSpecs({ cpuFallback: flags['cpu-fallback'] ?? false, onlyGraphs: true, threads: 1 });

const results: SpecResult[] = [];
const note = ({ fullName, failedExpectations }: Omit<Done, 'status'>) => {
  const failures = failedExpectations.map(({ message }) => message);
  results.push({ name: fullName.replace(new RegExp(`\\s*${ENVIRONMENT} \\{\\}`), ''), failures });
};
const env = jasmine.getEnv();
env.configure({ random: false, specFilter: chosen(flags) }); // some specs depend on those before
env.addReporter({
  specStarted: ({ fullName }) => {
    if (process.env.TRACE) console.log(fullName);
  },
  specDone(spec) {
    if (spec.status === 'passed' || spec.status === 'failed') note(spec);
  },
  suiteDone(suite) {
    if (suite.failedExpectations.length > 0) note(suite);
  },
});
const { failedExpectations } = await env.execute();
if (failedExpectations.length > 0) note({ fullName: 'jasmine', failedExpectations });
writeFileSync(positionals[0] as string, JSON.stringify(results));

/** Which specs run: those with a text in their name, or every N-th group of a hundred. */
function chosen({ only = '', part = '0/1' }: { only?: string; part?: string }): (spec: Spec) => boolean {
  const [index = 0, parts = 1] = part.split('/').map(Number);
  let seen = 0;
  return (spec) => spec.getFullName().includes(only) && Math.floor(seen++ / 100) % parts === index;
}

/** Bundles and loads tfjs-core as its specs import it: module by module. */
async function loadSpecs(): Promise<typeof Specs> {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-to-onnx-specs-'));
  const outfile = join(folder, 'specs.cjs');
  try {
    await build({
      entryPoints: [fileURLToPath(new URL('specs.ts', import.meta.url))],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      mainFields: ['module', 'main'],
      ignoreAnnotations: true, // tfjs-core says of its specs that they have no side effects
      external: ['node-fetch'], // for a Node without `fetch`
      define: { 'import.meta.url': JSON.stringify(import.meta.url) },
      logLevel: 'error',
    });
    return require(outfile) as typeof Specs;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
