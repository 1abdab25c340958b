import { defineConfig } from 'vitest/config';

/** Packs both packages, installs them into an empty folder and runs every command there. Needs the registry. */
export default defineConfig({
  test: { include: ['test/package/**/*.test.ts'], pool: 'forks', testTimeout: 120_000, hookTimeout: 300_000 },
});
