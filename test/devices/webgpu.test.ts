import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { missingLibrary } from '../../pipeline/devices/cuda.ts';
import { isSoftware, refusal } from '../../pipeline/devices/webgpu.ts';
import { convae } from '../cli/convae.ts';
import { scratchFolder } from '../data/support.ts';
import { tinyData } from '../encode/support.ts';
import { exportTiny } from '../encode/tiny-model.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('tiny'));
const data = tinyData(scratch('data'), 20);
mkdirSync(scratch('libraries'));
writeFileSync(scratch('libraries/libvulkan.so.1'), '');

const nowhere = scratch('nowhere.json');
const noDriver = { VK_DRIVER_FILES: nowhere, VK_ICD_FILENAMES: nowhere };
const noLoader = { LD_LIBRARY_PATH: scratch('libraries') };

const LOADER =
  /^convae: --device webgpu: [^\n]*Vulkan loader[^\n]*libvulkan\.so\.1: [^\n]*install[^\n]* --device cpu\n$/;
const DRIVER = /^convae: --device webgpu: [^\n]*Vulkan finds no driver[^\n]*install or update[^\n]* --device cpu\n$/;

const folder = scratch('runs');
const encoding = ['encode', exported, '--data', data, '--out', scratch('x.parquet')];
const commands = [['train', 'cae', '--data', data, '--run', folder], encoding, ['evaluate', exported, '--data', data]];

describe.skipIf(process.platform !== 'linux')('one line, exit code 3 and no output,', () => {
  test.each([
    ['without a Vulkan driver', noDriver, missingLibrary('libvulkan.so.1') ? LOADER : DRIVER, commands],
    ['without the Vulkan loader', noLoader, LOADER, [encoding]],
  ])(
    '%s',
    async (_, env, message, calls) => {
      for (const args of calls) {
        const { code, stdout, stderr } = await convae([...args, '--device', 'webgpu'], { cwd: scratch(''), env });
        expect([code, stdout, stderr]).toEqual([3, '', expect.stringMatching(message)]);
      }
      expect([folder, scratch('x.parquet')].filter((path) => existsSync(path))).toEqual([]);
    },
    60_000,
  );
});

test('where there is a software device only, no driver is asked for but that of a GPU', () => {
  const orderOf = (...names: string[]) =>
    ['Original order:', ...names.map((name, i) => `      [${i}] ${name}  `)]
      .map((line) => `INFO | DRIVER:  ${line}\n`)
      .join('');
  const why = 'Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.\n';
  const llvmpipe = 'llvmpipe (LLVM 15.0.6, 256 bits)';
  const [software, mixed] = [[llvmpipe], [llvmpipe, 'NVIDIA H200']].map((names) =>
    refusal('No supported adapters', orderOf(...names) + why),
  );
  expect(software?.reason).toContain(llvmpipe);
  expect(software?.remedy).not.toBe(mixed?.remedy);
  expect(mixed?.reason).toContain('ArrayDynamicIndexing');
  expect([llvmpipe, 'SwiftShader Device (Subzero)', 'NVIDIA H200'].map(isSoftware)).toEqual([true, true, false]);
});
