import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { EnvironmentError, Interrupted } from '../../pipeline/io/errors.ts';
import { unpackWheels, type WheelSet } from '../../pipeline/setup/wheels.ts';
import { convae } from '../cli/convae.ts';
import { scratchFolder } from '../data/support.ts';

const scratch = scratchFolder();
afterEach(() => vi.unstubAllEnvs());

function hasPip(): boolean {
  try {
    execFileSync('python3', ['-c', 'import pip'], { stdio: 'ignore' });
    return process.platform === 'linux' && process.arch === 'x64';
  } catch {
    return false;
  }
}
const pip = hasPip();
if (!pip) console.log('skipped: there is no python3 with pip, or this is not Linux on x64');

/** A wheel of four files on a local index, so that pip needs no network. */
function makeWheel(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const wheel = join(folder, 'native-1.0-py3-none-any.whl');
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    z.writestr('native/lib/libone.so.2', 'one')
    z.writestr('native/python/big.py', 'not needed')
    z.writestr('native-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: native\\nVersion: 1.0\\n')
    z.writestr('native-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
`;
  execFileSync('python3', ['-c', script, wheel]);
  return wheel;
}

function setOf(name: string, sha256: string, more: Partial<WheelSet> = {}): WheelSet {
  const pins = scratch(`${name}.txt`);
  writeFileSync(pins, `native==1.0 --hash=sha256:${sha256}\n`);
  return { name, pins, members: ['native/lib/*.so.2'], bytes: { download: 1e3, unpacked: 1e3 }, ...more };
}

function localIndex(name: string): { sha256: string; cache: string; index: string } {
  const [index, cache] = [scratch(`${name}-index`), scratch(`${name}-cache`)];
  const sha256 = createHash('sha256')
    .update(readFileSync(makeWheel(index)))
    .digest('hex');
  for (const [variable, value] of Object.entries({ PIP_NO_INDEX: '1', PIP_FIND_LINKS: index, XDG_CACHE_HOME: cache })) {
    vi.stubEnv(variable, value);
  }
  return { sha256, cache: join(cache, 'convae'), index };
}

const context = () => {
  const notes: string[] = [];
  return { notes, note: (line: string) => notes.push(line), signal: new AbortController().signal };
};

test.runIf(pip)('the members needed of a wheel are unpacked, once', async () => {
  const { sha256, cache } = localIndex('good');
  const first = context();
  const folder = await unpackWheels(setOf('good', sha256), first);
  expect(readdirSync(folder, { recursive: true }).sort()).toEqual(['native', 'native/lib', 'native/lib/libone.so.2']);
  expect(readFileSync(join(folder, 'native/lib/libone.so.2'), 'utf8')).toBe('one');
  expect(first.notes).toEqual(['downloading good (0 MB)', 'unpacking good']);
  expect(readdirSync(cache)).toEqual([folder.split('/').at(-1)]);
  vi.stubEnv('PIP_FIND_LINKS', scratch('nowhere'));
  const second = context();
  expect(await unpackWheels(setOf('good', sha256), second)).toBe(folder);
  expect(second.notes).toEqual([]);
});

test.runIf(pip)('a wheel with another hash is refused, and nothing appears', async () => {
  const { cache } = localIndex('bad');
  const failure = await unpackWheels(setOf('bad', '0'.repeat(64)), context()).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(EnvironmentError);
  expect((failure as Error).message).toMatch(/^downloading bad failed \(.*\); see .*setup\.log$/);
  expect(readFileSync(join(cache, 'setup.log'), 'utf8')).toContain('0'.repeat(64));
  expect(readdirSync(cache).filter((name) => /^bad-[0-9a-f]{8}$|partial$/.test(name))).toEqual([]);
});

test.runIf(pip)('an interrupted or failed unpacking leaves nothing, and the next one uses the download', async () => {
  const { sha256, cache } = localIndex('broken');
  const set = setOf('broken', sha256);
  const interrupted = { ...set, prepare: () => Promise.reject(new Interrupted('interrupted')) };
  await expect(unpackWheels(interrupted, context())).rejects.toThrow(Interrupted);
  expect(readdirSync(cache).filter((name) => /^broken-[0-9a-f]{8}$|partial$/.test(name))).toEqual([]);
  const huge = { ...set, bytes: { download: 1e9, unpacked: 1e18 } };
  const full = await unpackWheels(huge, context()).catch((error: unknown) => error);
  expect(full).toBeInstanceOf(EnvironmentError);
  expect((full as Error).message).toMatch(/^broken .*1000000001\.0 GB .*XDG_CACHE_HOME/);
  // The downloaded wheel is used.
  vi.stubEnv('PIP_FIND_LINKS', join(cache, readdirSync(cache).find((name) => name.endsWith('.download')) ?? 'none'));
  expect(existsSync(await unpackWheels(set, context()))).toBe(true);
});

test.runIf(pip)('one line names what the machine lacks: Python, pip, a compiler', async () => {
  const folder = scratch('programs');
  mkdirSync(folder);
  const environment = { PATH: folder, XDG_CACHE_HOME: scratch('empty-cache') };
  const refusal = async () => {
    const { code, stderr } = await convae(['setup', 'tfjs-node'], { cwd: scratch(''), env: environment });
    expect(code).toBe(3);
    return stderr;
  };
  expect(await refusal()).toMatch(/^convae: [^\n]*Python 3[^\n]*apt-get install python3\)\n$/);
  const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
  writeFileSync(join(folder, 'python3'), `#!/bin/sh\ncase "$2" in *pip*) exit 1;; esac\nexec ${python} "$@"\n`, {
    mode: 0o755,
  });
  symlinkSync('/bin/sh', join(folder, 'sh'));
  expect(await refusal()).toMatch(/^convae: [^\n]*pip[^\n]*python3[^\n]*apt-get install python3-pip\)\n$/);
  writeFileSync(join(folder, 'python3'), `#!/bin/sh\nexec ${python} "$@"\n`, { mode: 0o755 });
  expect(await refusal()).toMatch(/^convae: [^\n]*C\+\+ compiler[^\n]*apt-get install g\+\+\)\n$/);
  expect(existsSync(join(scratch('empty-cache'), 'convae', 'tensorflow-cpu-2.21.0'))).toBe(false);
});
