import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { convae } from '../cli/convae.ts';
import { chromiumPath } from './chromium.ts';
import { writeMnistPart } from './mnist-part.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of a built site, or the reason why there is none. */
    site: { readonly folder: string } | { readonly missing: string };
  }
}

const MODELS = ['cvae', 'cae2', 'ccvae', 'ccvae-decoder'];
const [TRAIN, TEST, EPOCHS] = [6000, 2000, 2];

/**
 * Builds the tests' site like a user: trains models on a part of MNIST, exports them, and builds a page. CONVAE_SITE names
 * an existing site to use instead.
 */
export default async function makeSite(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (!chromiumPath) {
    const missing = 'no Chromium found: install it (Debian: apt-get install chromium) or name it in CONVAE_CHROMIUM';
    console.log(`the tests of the web page are skipped: ${missing}`);
    project.provide('site', { missing });
    return undefined;
  }
  const given = process.env.CONVAE_SITE;
  if (given !== undefined) {
    project.provide('site', { folder: given });
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), 'convae-site-'));
  const run = async (...args: string[]) => {
    const { code, stderr } = await convae(args, { cwd: folder });
    if (code !== 0) throw new Error(`convae ${args.join(' ')} ended with ${code}: ${stderr}`);
  };
  const data = 'digits';
  await writeMnistPart(join(folder, data), TRAIN, TEST);
  for (const name of MODELS) {
    await run('train', name, '--data', data, '--epochs', String(EPOCHS), '--run', `runs/${name}`);
    await run('export', `runs/${name}`, '--out', `exported/${name}`, '--with-train-step');
  }
  await run('site', ...MODELS.map((name) => `exported/${name}`), '--out', 'site');
  project.provide('site', { folder: join(folder, 'site') });
  return () => rm(folder, { recursive: true, force: true });
}
