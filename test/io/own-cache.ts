import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../../pipeline/io/cache.ts';

/** Folders of libraries that `convae setup` has installed. */
const LIBRARIES = /^(tensorflow|onnxruntime)-/;

/**
 * Gives the tests a cache of their own, removed after them, so that they neither read nor leave latents, classifiers and
 * models in the user's. Installed libraries are linked into it.
 */
export default function useOwnCache(): () => void {
  const users = cacheFolder();
  const home = mkdtempSync(join(tmpdir(), 'convae-cache-'));
  // Inherited by the processes that run the tests.
  process.env.XDG_CACHE_HOME = home;
  process.env.ORT_DISABLE_TELEMETRY = '1';
  mkdirSync(cacheFolder());
  for (const name of existsSync(users) ? readdirSync(users) : []) {
    if (LIBRARIES.test(name)) symlinkSync(join(users, name), join(cacheFolder(), name), 'junction');
  }
  return () => rmSync(home, { recursive: true, force: true });
}
