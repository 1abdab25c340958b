import { createRequire } from 'node:module';
import { extname, join } from 'node:path';

/** convae's version. */
export const { version } = createRequire(import.meta.url)('convae/package.json') as { readonly version: string };

/** Extension of convae's modules: `.ts` in a checkout, which runs from source, and `.js` in the package. */
export const moduleExtension = extname(import.meta.filename);

/** Arguments with which Node runs a module of convae as a program; a checkout must be its working folder. */
export const nodeScript = (folder: string, name: string): string[] => [
  ...(moduleExtension === '.ts' ? ['--import', 'tsx'] : []),
  join(folder, name + moduleExtension),
];
