import { afterAll, expect } from 'vitest';

/** Checks that a file of tests leaves its process to the next one as it found it. */
const found = () => ({
  folder: process.cwd(),
  environment: { ...process.env, VIPSHOME: undefined }, // libvips sets it when it is loaded
  backend: (globalThis as { _tfengine?: { backendName?: string } })._tfengine?.backendName ?? 'cpu',
});

const before = found(); // this runs again before each file

afterAll(() => {
  expect(found()).toEqual(before);
});
