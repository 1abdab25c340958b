/**
 * `node --import tsx child.ts cpu|tfjs-node`: runs tfjs-core's own specs on a backend. The last line on stdout is the
 * outcome as JSON.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { loadTensorFlow } from '../../../pipeline/train/engines/tfjs.ts';
import type * as Suite from './suite.ts';

export type SuiteBackend = 'cpu' | 'tfjs-node';

/** A spec that failed, or a group of specs whose preparation did. */
export interface Failure {
  readonly name: string;
  /** What was expected and what came. */
  readonly message: string;
}

export interface Outcome {
  /** How many specs were run, those that failed included. */
  readonly ran: number;
  readonly failed: readonly Failure[];
}

interface Done {
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'pending' | 'excluded';
  readonly failedExpectations: readonly { readonly message: string }[];
}

interface Jasmine {
  getEnv(): {
    configure(options: { readonly random: boolean }): void;
    addReporter(reporter: { specDone(spec: Done): void; suiteDone(suite: Done): void }): void;
    execute(): Promise<Pick<Done, 'failedExpectations'>>;
  };
}

const require = createRequire(import.meta.url);

/** Runs the specs of a loaded bundle on a backend. */
async function runSpecs(backend: SuiteBackend): Promise<Outcome> {
  const jasmine = (require('jasmine-core') as { boot(): Jasmine }).boot();
  const { core, declareSpecs } = await loadSuite();
  provideToBackends(core);
  if (backend === 'cpu') require('@tensorflow/tfjs-backend-cpu');
  else await loadTensorFlow(backend, 0);
  const registered = backend === 'cpu' ? 'cpu' : 'tensorflow';
  // A backend that does not start makes tfjs go on with another one.
  if (!(await core.setBackend(registered))) throw new Error(`the tfjs backend ${registered} does not start`);
  await declareSpecs(registered);

  let ran = 0;
  const failed: Failure[] = [];
  const note = (name: string, { failedExpectations }: Pick<Done, 'failedExpectations'>) => {
    if (failedExpectations.length === 0) return;
    failed.push({ name, message: failedExpectations.map(({ message }) => message).join('\n') });
  };
  const env = jasmine.getEnv();
  env.configure({ random: false }); // some specs depend on those before
  env.addReporter({
    specDone(spec) {
      if (spec.status === 'passed' || spec.status === 'failed') ran++;
      note(spec.fullName, spec);
    },
    suiteDone: (suite) => note(suite.fullName, suite),
  });
  note('jasmine', await env.execute());
  return { ran, failed };
}

/** Bundles and loads tfjs-core as its specs import it: module by module. */
async function loadSuite(): Promise<typeof Suite> {
  const folder = mkdtempSync(join(tmpdir(), 'convae-specs-'));
  const outfile = join(folder, 'suite.cjs');
  try {
    await build({
      entryPoints: [fileURLToPath(new URL('suite.ts', import.meta.url))],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      mainFields: ['module', 'main'],
      ignoreAnnotations: true, // tfjs-core says of its specs that they have no side effects
      external: ['node-fetch'], // for a Node without `fetch`
      logLevel: 'error',
    });
    return require(outfile) as typeof Suite;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Makes `require('@tensorflow/tfjs-core')` give the backends the tfjs-core that the specs are bundled with. */
function provideToBackends(core: typeof Suite.core): void {
  const path = require.resolve('@tensorflow/tfjs-core');
  const exports = { ...core, KernelBackend: callable(core.KernelBackend) };
  require.cache[path] = Object.assign(new Module(path), { exports, loaded: true });
}

/** A class that can be extended by classes compiled to ES5, as the backends' are: these call it without `new`. */
function callable(target: new () => object): () => object {
  function Callable(this: object): object {
    return Reflect.construct(target, [], this.constructor);
  }
  Callable.prototype = target.prototype;
  return Callable;
}

console.log(JSON.stringify(await runSpecs(process.argv[2] as SuiteBackend)));
