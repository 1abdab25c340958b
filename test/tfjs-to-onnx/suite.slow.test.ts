import { beforeAll, expect, test } from 'vitest';
import type { SpecResult } from './suite/jasmine.ts';
import { knownFailures } from './suite/known-failures.ts';
import { type Outcome, runSuite } from './suite/run.ts';

let outcome: Outcome;

beforeAll(async () => {
  outcome = await runSuite();
}, 600_000);

const failed = (results: readonly SpecResult[]) => results.filter(({ failures }) => failures.length > 0);

test("tfjs-core's specs fail on the backend only where the list says so", () => {
  expect(outcome.withFallback.length).toBeGreaterThan(4_200);
  const names = failed(outcome.withFallback).map(({ name }) => name);
  expect(names.sort()).toEqual(Object.keys(knownFailures).sort());
});

test('without the cpu fallback they fail by refusals that name kernel and reason', () => {
  const listed = failed(outcome.withoutFallback).filter(({ name }) => !(name in knownFailures));
  const others = listed.filter(({ failures }) => failures.some((text) => !REFUSAL.test(text)));
  expect(others.map(({ name, failures }) => ({ name, failures }))).toEqual([]);
  expect(listed.length).toBeGreaterThan(0);
  expect(listed.length).toBeLessThanOrEqual(MOST_REFUSED);
});

const REFUSAL = /\bkernel \w+\(.*\): /;

/** Of 4,225: sparse, ragged and random tensors, and results whose size depends on values. */
const MOST_REFUSED = 150;
