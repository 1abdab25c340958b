import { afterAll, beforeAll, expect } from 'vitest';

/** Checks that a file of tests leaves its process to the next one as it found it. */
const found = () => ({
  folder: process.cwd(),
  environment: { ...process.env },
  backend: (globalThis as { _tfengine?: { backendName?: string } })._tfengine?.backendName ?? 'cpu',
});

let before: ReturnType<typeof found>;

beforeAll(() => {
  before = found();
});

afterAll(() => {
  expect(found()).toEqual(before);
});
