import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where downloaded libraries are kept, outside of the checkout so that they outlive it: `$XDG_CACHE_HOME/convae`. */
export const cacheFolder = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'convae');
