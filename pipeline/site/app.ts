import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EnvironmentError, InputError } from '../io/errors.ts';

/** The page's source in a checkout; the built page in the package. */
const VIEWER = fileURLToPath(new URL('../../web-viewer', import.meta.url));

/**
 * Puts the page into a folder: builds it in a checkout, copies it otherwise.
 * @param built folder of a built page
 * @throws InputError when `built` holds no page; EnvironmentError when convae was installed without its page
 */
export async function placeApp(folder: string, built: string | undefined): Promise<void> {
  const configFile = join(VIEWER, 'vite.config.ts');
  if (built === undefined && existsSync(configFile)) {
    const { build } = await import('vite');
    await build({ root: VIEWER, configFile, logLevel: 'warn', build: { outDir: folder, emptyOutDir: true } });
    return;
  }
  const source = built ?? VIEWER;
  if (!existsSync(join(source, 'index.html'))) {
    if (built !== undefined) throw new InputError(`${built}: there is no index.html in it; give a built page`);
    throw new EnvironmentError(`the page is missing from ${VIEWER}; install convae again`);
  }
  await cp(source, folder, { recursive: true });
}
