import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { EnvironmentError, Interrupted } from '../../pipeline/io/errors.ts';
import { publishFile, publishFolder } from '../../pipeline/io/publish.ts';
import { inputErrorOf, scratchFolder } from '../data/support.ts';

/** Counts the calls of rename, and lets one fail. */
const renames = vi.hoisted(() => ({ count: 0, failing: 0 }));
vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>();
  const rename: typeof actual.rename = async (from, to) => {
    renames.count++;
    if (renames.count !== renames.failing) return actual.rename(from, to);
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', errno: -28, syscall: 'rename' });
  };
  return { ...actual, rename };
});

const scratch = scratchFolder();

/** A fresh folder to publish into. */
function place(name: string): string {
  const folder = scratch(name);
  mkdirSync(folder);
  return folder;
}

/** Every file below a folder, hidden ones too, with its content. */
const contents = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(folder, name)).isFile())
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

test('where the new folder cannot replace the old one, the old one is restored', async () => {
  const root = place('rollback');
  await publishFolder(join(root, 'model'), write({ a: '1' }));
  renames.failing = renames.count + 2; // after the old folder went aside
  await expect(publishFolder(join(root, 'model'), write({ a: '2' }))).rejects.toThrow('the disk is full');
  expect(renames.count).toBe(renames.failing + 1);
  expect(contents(root)).toEqual({ 'model/a': '1' });
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
    `ENOENT: no such file or directory, open '${missing}'`,
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
