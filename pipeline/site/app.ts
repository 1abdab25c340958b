import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EnvironmentError, InputError } from '../io/errors.ts';

const SOURCE = fileURLToPath(new URL('../../web-viewer', import.meta.url));

/**
 * Puts the viewer's app into a folder: builds it, or copies one that is built already.
 * @param built folder of a built app
 * @throws InputError when there is no app in `built`; EnvironmentError when convae was installed without its viewer
 */
export async function placeApp(folder: string, built: string | undefined): Promise<void> {
  if (built !== undefined) {
    if (!existsSync(join(built, 'index.html'))) {
      throw new InputError(`${built}: there is no index.html in it; give the folder of a built app`);
    }
    await cp(built, folder, { recursive: true });
    return;
  }
  const configFile = join(SOURCE, 'vite.config.ts');
  if (!existsSync(configFile)) {
    throw new EnvironmentError(`the viewer is missing from ${SOURCE}; install convae again`);
  }
  const { build } = await import('vite');
  await build({ root: SOURCE, configFile, logLevel: 'warn', build: { outDir: folder, emptyOutDir: true } });
}
