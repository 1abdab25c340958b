import { expect, test } from 'vitest';
import type { SpecResult } from './suite/jasmine.ts';
import { knownFailures } from './suite/known-failures.ts';
import { runSuite } from './suite/run.ts';

/** Both runs at once: each takes about half a minute of one core. */
const [whole, graphsOnly] = [true, false].map((cpuFallback) => runSuite({ cpuFallback, processes: 1 }));

const failed = (results: readonly SpecResult[] = []) => results.filter(({ failures }) => failures.length > 0);

test("tfjs-core's specs fail on the backend only where the list says so", { timeout: 600_000 }, async () => {
  const results = await whole;
  expect(results?.length).toBeGreaterThan(4_200);
  const names = failed(results).map(({ name }) => name);
  expect(names.sort()).toEqual(Object.keys(knownFailures).sort());
});

test('without the cpu fallback they fail by refusals that name kernel and reason', { timeout: 600_000 }, async () => {
  const listed = failed(await graphsOnly).filter(({ name }) => !(name in knownFailures));
  const others = listed.filter(({ failures }) => failures.some((text) => !REFUSAL.test(text)));
  expect(others.map(({ name, failures }) => ({ name, failures }))).toEqual([]);
  expect(listed.length).toBeLessThanOrEqual(MOST_REFUSED);
});

const REFUSAL = /\bkernel \w+\(.*\): /;

/** Of 4,225: sparse, ragged and random tensors, and results whose size depends on values. */
const MOST_REFUSED = 150;
