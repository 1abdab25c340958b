import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { EnvironmentError, Interrupted } from '../../pipeline/io/errors.ts';
import { removeEmpty } from '../../pipeline/io/folders.ts';
import { publishFile, publishFolder } from '../../pipeline/io/publish.ts';
import { STAGING } from '../../pipeline/io/staging.ts';
import { SUMS } from '../../pipeline/io/sums.ts';
import { inputErrorOf, scratchFolder } from '../data/support.ts';
import { compile } from '../faults/compile.ts';

/** Counts the calls of rename, and lets one fail. */
const renames = vi.hoisted(() => ({ count: 0, failing: 0 }));
/** Are called with the path before a folder is made, and with the new one before a rename. */
const before = vi.hoisted(() => ({ mkdir: (_path: string) => {}, rename: (_path: string) => {} }));
/** Paths of files and folders that were synced. */
const synced = vi.hoisted((): string[] => []);
vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>();
  const rename: typeof actual.rename = async (from, to) => {
    before.rename(String(to));
    renames.count++;
    if (renames.count !== renames.failing) return actual.rename(from, to);
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', errno: -28, syscall: 'rename' });
  };
  const open: typeof actual.open = async (path, ...more) => {
    const file = await actual.open(path, ...more);
    const sync = file.sync.bind(file);
    file.sync = () => {
      synced.push(String(path));
      return sync();
    };
    return file;
  };
  const mkdir = ((path, ...more) => {
    before.mkdir(String(path));
    return actual.mkdir(path, ...more);
  }) as typeof actual.mkdir;
  return { ...actual, rename, open, mkdir };
});

/** Makes the exchange of two files or folders unavailable, as on file systems that do not have it. */
const exchange = vi.hoisted(() => ({ available: true }));
vi.mock('fs-native-extensions', async (original) => {
  const actual = await original<typeof import('fs-native-extensions')>();
  const swap: typeof actual.swap = async (from, to) => {
    if (exchange.available) return actual.swap(from, to);
    throw Object.assign(new Error('invalid argument'), { code: 'EINVAL' });
  };
  return { ...actual, swap };
});
beforeEach(() => {
  exchange.available = true;
});

const scratch = scratchFolder();

/** A fresh folder to publish into. */
function place(name: string): string {
  const folder = scratch(name);
  mkdirSync(folder);
  return folder;
}

/** Every file below a folder but its checksums, hidden ones too, with its content. */
const contents = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(folder, name)).isFile() && !name.endsWith(SUMS))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );

const write = (files: Record<string, string>) => async (folder: string) => {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
};

test('a folder appears, and is replaced by another', async () => {
  const root = place('folder');
  const target = join(root, 'deep', 'model');
  await publishFolder(target, write({ a: '1', b: '2' }));
  expect(contents(root)).toEqual({ 'deep/model/a': '1', 'deep/model/b': '2' });
  await publishFolder(target, async (folder) => {
    await write({ a: '3', b: '4', c: '5' })(folder);
    expect(contents(target)).toEqual({ a: '1', b: '2' }); // until the new one is complete
  });
  expect(contents(root)).toEqual({ 'deep/model/a': '3', 'deep/model/b': '4', 'deep/model/c': '5' });
});

test('a folder with anything else in it is not replaced', async () => {
  const root = place('foreign');
  await publishFolder(join(root, 'model'), write({ a: '1' }));
  writeFileSync(join(root, 'model', 'thesis.tex'), 'years of work');
  expect(await inputErrorOf(publishFolder(join(root, 'model'), write({ a: '2' })))).toContain(
    'there is thesis.tex in it, which replacing the folder would delete; choose another folder',
  );
  expect(contents(root)).toEqual({ 'model/a': '1', 'model/thesis.tex': 'years of work' });
});

test('a file appears, and is replaced by another; a link to it stays one', async () => {
  const root = place('file');
  const target = join(root, 'latents.npy');
  await publishFile(target, (path) => writeFile(path, '1'));
  symlinkSync('latents.npy', join(root, 'link.npy'));
  await publishFile(join(root, 'link.npy'), async (path) => {
    await writeFile(path, '2');
    expect(readFileSync(target, 'utf8')).toBe('1');
  });
  expect(contents(root)).toEqual({ 'latents.npy': '2', 'link.npy': '2' });
  expect(lstatSync(join(root, 'link.npy')).isSymbolicLink()).toBe(true);
});

test('a failure leaves the old content, and nothing else', async () => {
  const root = place('failure');
  await publishFolder(join(root, 'model'), write({ a: '1' }));
  await publishFile(join(root, 'file'), (path) => writeFile(path, '1'));
  const before = contents(root);
  const failing = async (path: string) => {
    await write({ a: '2' })(path).catch(() => writeFile(path, '2'));
    throw new RangeError('no');
  };
  await expect(publishFolder(join(root, 'model'), failing)).rejects.toThrow(new RangeError('no'));
  await expect(publishFile(join(root, 'file'), failing)).rejects.toThrow(new RangeError('no'));
  expect(contents(root)).toEqual(before);
  expect(readdirSync(root).sort()).toEqual(['file', 'model']);
});

test('where two folders cannot be exchanged, the old one is moved aside, and put back on failure', async () => {
  exchange.available = false;
  const root = place('rollback');
  await publishFolder(join(root, 'model'), write({ a: '1' }));
  renames.failing = renames.count + 2; // after the old folder went aside
  await expect(publishFolder(join(root, 'model'), write({ a: '2' }))).rejects.toThrow('the disk is full');
  expect(renames.count).toBe(renames.failing + 1);
  expect(contents(root)).toEqual({ 'model/a': '1' });
  expect(readdirSync(root)).toEqual(['model']);
  await publishFolder(join(root, 'model'), write({ a: '2' }));
  expect(contents(root)).toEqual({ 'model/a': '2' });
  expect(readdirSync(root)).toEqual(['model']);
});

test('an interruption leaves the old content, and nothing else', async () => {
  const root = place('interrupted');
  await publishFile(join(root, 'file'), (path) => writeFile(path, '1'));
  const controller = new AbortController();
  const { signal } = controller;
  const aborting = async (path: string) => {
    await writeFile(path, '2');
    controller.abort();
  };
  await expect(publishFile(join(root, 'file'), aborting, { signal })).rejects.toThrow(Interrupted);
  await expect(publishFolder(join(root, 'never'), expect.fail, { signal })).rejects.toThrow(Interrupted);
  const own = new Interrupted('saved');
  await expect(publishFile(join(root, 'file'), aborting, { signal: AbortSignal.abort(own) })).rejects.toBe(own);
  expect(contents(root)).toEqual({ file: '1' });
});

test('anything else at the target is named and left unchanged', async () => {
  const root = place('way');
  writeFileSync(join(root, 'file'), 'text');
  mkdirSync(join(root, 'folder'));
  const never = () => expect.fail('nothing is to be written');
  expect(await inputErrorOf(publishFolder(join(root, 'file'), never))).toContain('it is a file, and a folder is to be');
  expect(await inputErrorOf(publishFile(join(root, 'folder'), never))).toContain('it is a folder, and a file is to be');
  expect(await inputErrorOf(publishFile('/dev/null', never))).toContain('it is neither a file nor a folder');
  expect(await inputErrorOf(publishFile(join(root, 'file', 'below'), never))).toContain(
    `cannot write ${join(root, 'file', 'below')}: a part of the path is a file, not a folder`,
  );
  expect(contents(root)).toEqual({ file: 'text' });
});

test.runIf(process.platform === 'linux')(
  'a folder that cannot be created is an error, not an endless loop',
  async () => {
    expect(await inputErrorOf(publishFile('/proc/none/deep/a.npy', async () => {}))).toContain('/proc/none/deep/a.npy');
  },
);

test('a file that the writer could not read is not mistaken for the target', async () => {
  const missing = scratch('missing');
  await expect(publishFile(scratch('out'), (path) => writeFile(path, readFileSync(missing)))).rejects.toThrow(
    `cannot use ${missing}: no such file or folder`,
  );
});

test.runIf(process.platform === 'linux')('a full disk is reported as full', async () => {
  const root = place('device');
  const full = async () => {
    const device = await open('/dev/full', 'w');
    await device.write(Buffer.alloc(4096)).finally(() => device.close());
  };
  const failure = await publishFile(join(root, 'file'), full).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(EnvironmentError);
  expect(failure).toHaveProperty(
    'message',
    `cannot write ${join(root, 'file')}: the disk is full; free some space and run the command again`,
  );
  expect(readdirSync(root)).toEqual([]);
});

const mounted = place('mount');
const canMount = tryMount('size=16k');
if (canMount) execFileSync('umount', [mounted]);

function tryMount(options: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', mounted], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test.runIf(canMount)('a full and a read-only file system keep their content', async () => {
  expect(tryMount('size=16k')).toBe(true);
  try {
    const target = join(mounted, 'file');
    await publishFile(target, (path) => writeFile(path, 'kept'));
    const large = (path: string) => writeFile(path, Buffer.alloc(2 ** 20));
    await expect(publishFile(target, large)).rejects.toThrow(/the disk is full/);
    const both = async (folder: string) => large(join(folder, 'a'));
    await expect(publishFolder(join(mounted, 'folder'), both)).rejects.toThrow(EnvironmentError);
    expect(contents(mounted)).toEqual({ file: 'kept' });
    execFileSync('mount', ['-o', 'remount,ro', mounted]);
    await expect(publishFile(target, large)).rejects.toThrow(/the file system is read-only; choose another folder/);
    expect(contents(mounted)).toEqual({ file: 'kept' });
  } finally {
    execFileSync('umount', [mounted]);
  }
});

test.runIf(process.platform !== 'win32')('new folders are on the disk with what is in them', async () => {
  const root = place('synced');
  synced.length = 0;
  await publishFolder(join(root, 'a', 'b', 'model'), async (folder) => {
    mkdirSync(join(folder, 'inner'));
    await write({ file: '1', 'inner/file': '2' })(folder);
  });
  expect(synced).toEqual(expect.arrayContaining([root, join(root, 'a'), join(root, 'a', 'b')]));
  const staged = synced.filter((path) => path.includes(STAGING)).map((path) => path.split('/new/')[1]);
  expect(staged.sort()).toEqual(['model', 'model/SHA256SUMS', 'model/file', 'model/inner', 'model/inner/file']);
});

test('folders that were made for a target do not outlive a failure', async () => {
  const root = place('parents');
  const failing = publishFile(join(root, 'a', 'b', 'file'), () => Promise.reject(new RangeError('no')));
  await expect(failing).rejects.toThrow(RangeError);
  expect(readdirSync(root)).toEqual([]);
});

test.each([true, false])(
  'of several that write one folder at a time, each ends well; an exchange: %s',
  async (available) => {
    exchange.available = available;
    for (let round = 0; round < 8; round++) {
      const root = place(`raced-${available}-${round}`);
      const writers = ['1', '2', '3'].map((text) => publishFolder(join(root, 'model'), write({ a: text, b: text })));
      await Promise.all(writers);
      const { 'model/a': winner = '' } = contents(root);
      expect(contents(root)).toEqual({ 'model/a': winner, 'model/b': winner });
      expect(readdirSync(root)).toEqual(['model']);
    }
  },
);

test('a folder that others replace again and again is replaced in the end', async () => {
  exchange.available = false;
  const root = place('contested');
  await publishFolder(join(root, 'model'), write({ a: 'old' }));
  let others = 2;
  before.rename = (path) => {
    if (path !== join(root, 'model') || others === 0) return;
    others--;
    mkdirSync(path);
    writeFileSync(join(path, 'a'), 'of another');
  };
  try {
    await publishFolder(join(root, 'model'), write({ a: 'new' }));
  } finally {
    before.rename = () => {};
  }
  expect([others, contents(root)]).toEqual([0, { 'model/a': 'new' }]);
  expect(readdirSync(root)).toEqual(['model']);
});

test('a folder that another process made and removes again is made again', async () => {
  const root = place('removed');
  before.mkdir = (path) => {
    if (!path.endsWith(STAGING)) return;
    rmdirSync(join(root, 'new'));
    before.mkdir = () => {};
  };
  await publishFile(join(root, 'new', 'file'), (path) => writeFile(path, 'text'));
  expect(contents(root)).toEqual({ 'new/file': 'text' });
});

/** An error as of a copy into the folder that is being written, or of another call. */
const failure = (code: string, more: object) => () =>
  Promise.reject(Object.assign(new Error(code), { code, errno: -1, ...more }));

test.each([
  [
    'a full disk while a file is copied',
    'ENOSPC',
    (path: string) => ({ path: '/from', dest: join(path, 'to') }),
    3,
    '/target',
  ],
  ['a quota', 'EDQUOT', () => ({}), 3, '/target'],
  [
    'a failing disk while a file is copied',
    'EIO',
    (path: string) => ({ path: '/from', dest: join(path, 'to') }),
    3,
    '/target',
  ],
  ['an error that Node has no name for', 'Unknown system error -116', (path: string) => ({ path }), 3, '/target'],
  [
    'a copied file that is missing',
    'ENOENT',
    (path: string) => ({ path: '/from', dest: join(path, 'to') }),
    2,
    '/from',
  ],
  ['a full disk of a cache', 'ENOSPC', () => ({ path: '/cache/x' }), 3, '/cache/x'],
])('%s: the exit code and the path', async (_, code, where, exitCode, named) => {
  const root = place(`failure-${Math.random()}`);
  const target = join(root, 'target');
  const error: unknown = await publishFolder(target, (path) => failure(code, where(path))()).catch(
    (error: unknown) => error,
  );
  expect(error).toMatchObject({ exitCode, message: expect.stringContaining(named) });
  expect((error as Error).message).toMatch(/^[^\n]+$/);
  expect(readdirSync(root)).toEqual([]);
});

test("errors of the program's own stay what they are", async () => {
  const bug = Object.assign(new TypeError('The "path" argument'), { code: 'ERR_INVALID_ARG_TYPE' });
  await expect(publishFile(join(place('bug'), 'file'), () => Promise.reject(bug))).rejects.toBe(bug);
});

describe('what a killed process leaves behind', () => {
  let script: string;
  beforeAll(async () => {
    script = await compile(new URL('../faults/publish-child.ts', import.meta.url), place('programs'));
  });
  const killed = (...args: string[]) => {
    const { signal } = spawnSync(process.execPath, [script, ...args]);
    expect(signal).toBe('SIGKILL');
  };

  test('is removed by the next process that writes into the folder; the old content stays', async () => {
    const root = place('killed');
    await publishFile(join(root, 'file'), (path) => writeFile(path, '1'));
    await publishFolder(join(root, 'model'), write({ a: '1' }));
    killed(join(root, 'file'), 'file');
    killed(join(root, 'model'), 'folder');
    expect(readdirSync(root).sort()).toEqual([STAGING, 'file', 'model']);
    expect(contents(root)).toMatchObject({ file: '1', 'model/a': '1' });
    await publishFile(join(root, 'other'), (path) => writeFile(path, '1'));
    expect(contents(root)).toEqual({ file: '1', 'model/a': '1', other: '1' });
    expect(readdirSync(root).sort()).toEqual(['file', 'model', 'other']);
  });

  test('a folder that was moved aside is put back, unless something took its place', async () => {
    for (const taken of [false, true]) {
      const root = place(`moved-${taken}`);
      await publishFolder(join(root, 'model'), write({ a: 'old' }));
      killed(join(root, 'model'), 'moved');
      expect(existsSync(join(root, 'model'))).toBe(false);
      if (taken) mkdirSync(join(root, 'model'));
      await publishFile(join(root, 'other'), (path) => writeFile(path, '1'));
      expect(contents(root)).toEqual({ ...(!taken && { 'model/a': 'old' }), other: '1' });
      expect(readdirSync(root).sort()).toEqual(['model', 'other']);
    }
  });

  test('inside a folder that is replaced is no reason to refuse', async () => {
    const root = place('nested');
    await publishFolder(join(root, 'model'), write({ a: '1' }));
    killed(join(root, 'model', 'report'), 'folder');
    await publishFolder(join(root, 'model'), write({ a: '2' }));
    expect(contents(root)).toEqual({ 'model/a': '2' });
    expect(readdirSync(join(root, 'model')).sort()).toEqual([SUMS, 'a']);
  });

  test('while another process is alive, what it writes stays', async () => {
    const root = place('alive');
    const writing = publishFile(join(root, 'one'), async (path) => {
      await writeFile(path, '1');
      await publishFile(join(root, 'two'), (other) => writeFile(other, '2'));
      expect(readFileSync(path, 'utf8')).toBe('1');
    });
    await writing;
    expect(contents(root)).toEqual({ one: '1', two: '2' });
    expect(readdirSync(root).sort()).toEqual(['one', 'two']);
  });
});

test('removing empty folders ends at the working folder', { timeout: 5_000 }, async () => {
  for (const folder of ['x', '.', '/']) await removeEmpty(folder, folder);
});
