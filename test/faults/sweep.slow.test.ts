import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Campaign } from './sweep.ts';

/*
 * A sample of `npm run torture`, which tries every file call of every command: whatever fails, the command ends with the right
 * exit code and one line, leaves the old output and nothing else, and gives the same output when it runs again.
 */

const folder = mkdtempSync(join(tmpdir(), 'convae-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let campaign: Campaign;
let missing = process.platform === 'linux' ? '' : 'it needs LD_PRELOAD';
beforeAll(async () => {
  if (missing) return;
  try {
    campaign = new Campaign(folder);
  } catch (error) {
    missing = `there is no C compiler (${(error as Error).message.split('\n')[0]})`;
    return;
  }
  await campaign.prepare(['train', 'export', 'encode', 'site']);
}, 120_000);

test.each([
  ['encode', 'disk fails'],
  ['train', 'disk full'],
  ['site', 'disk full once'],
  ['encode', 'disk fails to read'],
  ['export', 'KILL'],
] as const)(
  '%s: %s',
  async (name, fault) => {
    if (missing) return console.log(`skipped: ${missing}`);
    const { tried, problems } = await campaign.sweep(name, fault, { calls: 2 });
    expect({ tried, problems }).toEqual({ tried: 2, problems: [] });
  },
  120_000,
);
