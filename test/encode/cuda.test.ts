import { existsSync } from 'node:fs';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import { missingLibrary, restoreCudaProvider } from '../../pipeline/devices/cuda.ts';
import { convae } from '../cli/convae.ts';
import { scratchFolder } from '../data/support.ts';
import { tinyData } from './support.ts';
import { exportTiny } from './tiny-model.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('tiny'));
const data = tinyData(scratch('data'), 5000);
const provider = await restoreCudaProvider();
const driver = missingLibrary('libcuda.so.1') === undefined;
if (!(provider && driver)) {
  console.log(`skipped: encoding with CUDA: ${provider ? 'no driver' : 'it is not set up (npx convae setup cuda)'}`);
}

interface Row {
  readonly latent: readonly number[];
  readonly error: number;
}

const encode = (device: string, env = {}) =>
  convae(['encode', exported, '--data', data, '--out', scratch(`${device}.parquet`), '--device', device], {
    cwd: scratch(''),
    env,
  });

test.runIf(provider && driver)('CUDA gives the CPU’s latents and errors', async () => {
  const [expected = [], found = []] = await Promise.all(
    ['cpu', 'cuda'].map(async (device) => {
      expect(await encode(device)).toMatchObject({ code: 0 });
      return parquetReadObjects({ file: await asyncBufferFromFile(scratch(`${device}.parquet`)) });
    }),
  );
  expect(found.length).toBe(5000);
  found.forEach((row, i) => {
    const other = expected[i] as Row;
    const { latent, error } = row as Row;
    latent.forEach((value, k) => {
      expect(value).toBeCloseTo(other.latent[k] ?? Number.NaN, 3);
    });
    expect(error).toBeCloseTo(other.error, 4);
  });
});

test.runIf(provider && !driver)('without a driver: the driver is all that is missing', async () => {
  const { code, stderr } = await encode('cuda');
  expect(code).toBe(3);
  expect(stderr).toMatch(/^convae: --device cuda: there is no NVIDIA driver \(libcuda\.so\.1: [^\n]*\n$/);
  expect(existsSync(scratch('cuda.parquet'))).toBe(false);
});

test.skipIf(provider)('where it is not set up, the command that does it', async () => {
  const { code, stderr } = await encode('cuda', { XDG_CACHE_HOME: scratch('empty') });
  expect(code).toBe(3);
  expect(stderr).toMatch(/^convae: --device cuda: [^\n]* run `npx convae setup cuda`, or use --device cpu\n$/);
  expect(stderr.includes('NVIDIA driver')).toBe(!driver);
});
