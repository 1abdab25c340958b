import { existsSync } from 'node:fs';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
];

/** The browser to test with: what CONVAE_CHROMIUM names, else one that the system has; undefined where there is none. */
export const chromiumPath: string | undefined = process.env.CONVAE_CHROMIUM ?? PLACES.find((path) => existsSync(path));
