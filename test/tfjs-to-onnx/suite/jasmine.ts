import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

/** A spec of tfjs-core that ran, or a group of specs whose preparation failed. */
export interface SpecResult {
  readonly name: string;
  /** What was expected and what came, where it failed. */
  readonly failures: readonly string[];
  /** By how much the counter grew, in the preparation of the spec too. */
  readonly counted: number;
}

interface Done {
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'pending' | 'excluded';
  readonly failedExpectations: readonly { readonly message: string }[];
}

interface Spec {
  getFullName(): string;
}

interface Jasmine {
  getEnv(): {
    configure(options: {
      readonly random?: boolean;
      readonly autoCleanClosures?: boolean;
      specFilter?(spec: Spec): boolean;
    }): void;
    addReporter(reporter: {
      specStarted(spec: Done): void;
      specDone(spec: Done): void;
      suiteDone(suite: Done): void;
    }): void;
    execute(): Promise<Pick<Done, 'failedExpectations'>>;
  };
}

const require = createRequire(import.meta.url);

/** Bundles and loads an entry and tfjs-core as its specs import it: module by module. */
export async function loadSpecs<Entry>(entry: string): Promise<Entry> {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-core-specs-'));
  const outfile = join(folder, 'specs.cjs');
  try {
    await build({
      entryPoints: [entry],
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
    return require(outfile) as Entry;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs the specs with these names. Returns those that ran, and groups of specs whose preparation failed. */
type RunSpecs = (isChosen?: (name: string) => boolean) => Promise<SpecResult[]>;

/**
 * Has specs declared, which may then be run several times. `TRACE=1` prints the name of each before it runs.
 * @param declare may return a counter of what each spec causes
 */
export async function declaredSpecs(declare: () => Promise<(() => number) | undefined>): Promise<RunSpecs> {
  const jasmine = (require('jasmine-core') as { boot(): Jasmine }).boot();
  const env = jasmine.getEnv();
  env.configure({ random: false, autoCleanClosures: false }); // some specs depend on those before
  const counter = await declare();
  let results: SpecResult[] = [];
  let before = 0;
  const note = ({ fullName, failedExpectations }: Omit<Done, 'status'>) => {
    const count = counter?.() ?? 0;
    results.push({
      name: fullName,
      failures: failedExpectations.map(({ message }) => message),
      counted: count - before,
    });
    before = count;
  };
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
  return async (isChosen = () => true) => {
    results = [];
    before = counter?.() ?? 0;
    env.configure({ specFilter: (spec) => isChosen(spec.getFullName()) });
    const { failedExpectations } = await env.execute();
    if (failedExpectations.length > 0) note({ fullName: 'jasmine', failedExpectations });
    return results;
  };
}
