import './support/tfjs.ts';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../../pipeline/tfjs-to-onnx/src/cli.ts';
import { feed, hostTensors, openSession } from './support/ort.ts';
import { expectClose, read } from './support/parity.ts';
import { model, type Saved, saved } from './support/saved.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tfjs-to-onnx-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let folder = '';
let stdout = '';
let stderr = '';
beforeEach(() => {
  folder = mkdtempSync(join(scratch, 'case-'));
  [stdout, stderr] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

const at = (name: string) => join(folder, name);

async function write({ json, weights }: Saved): Promise<void> {
  writeFileSync(at('model.json'), JSON.stringify(json));
  writeFileSync(at('weights.bin'), weights);
}

async function expectModel(file: string): Promise<void> {
  const x = tf.randomUniform([3, 6, 6, 2], -1, 1, 'float32', 4);
  const session = await openSession(readFileSync(file));
  const outputs = hostTensors(await session.run({ conv_input: feed(x) }));
  expectClose(outputs.latent, read(model.predict(x) as tf.Tensor), 1e-5, 'latent');
  await session.release();
}

describe('converts', () => {
  test('a model.json with its weights', async () => {
    await write(await saved());
    expect(await main([at('model.json'), at('out.onnx')])).toBe(0);
    expect(stderr).toBe('');
    expect(stdout.replace(folder, 'FOLDER')).toMatchInlineSnapshot(`
      "FOLDER/out.onnx: 2037 bytes, 6 nodes, opset 18
        input conv_input: float32 [N, 6, 6, 2]
        output latent: float32 [N, 3]
      "
    `);
    await expectModel(at('out.onnx'));
    expect(readdirSync(folder).sort()).toEqual(['model.json', 'out.onnx', 'weights.bin']);
  });

  test('weights in several files, and replaces an existing file', async () => {
    const { json, weights } = await saved();
    const [group] = json.weightsManifest as [{ weights: unknown }];
    const paths = ['a.bin', 'b.bin', 'c.bin'];
    await write({ json: { ...json, weightsManifest: [{ ...group, paths }] }, weights });
    for (const [i, path] of paths.entries())
      writeFileSync(at(path), weights.subarray(i * 100, i < 2 ? (i + 1) * 100 : undefined));
    rmSync(at('weights.bin'));
    writeFileSync(at('out.onnx'), 'older');
    expect(await main([at('model.json'), at('out.onnx')])).toBe(0);
    await expectModel(at('out.onnx'));
  });

  test('quantized weights', async () => {
    const { json, weights } = await saved(
      sequential({ layers: [layers.dense({ name: 'd', units: 2, useBias: false, inputShape: [2] })] }),
    );
    const [group] = json.weightsManifest as [{ weights: object[] }];
    const quantized = { ...group.weights[0], quantization: { dtype: 'uint8', scale: 0.5, min: -1 } };
    await write({
      json: { ...json, weightsManifest: [{ ...group, weights: [quantized] }] },
      weights: Uint8Array.of(0, 2, 4, 6),
    });
    expect(weights.length).toBe(16);
    expect(await main([at('model.json'), at('out.onnx')])).toBe(0);
    const session = await openSession(readFileSync(at('out.onnx')));
    const { d } = hostTensors(
      await session.run({
        d_input: feed(
          tf.tensor2d([
            [1, 0],
            [0, 1],
          ]),
        ),
      }),
    );
    expect([...(d?.values ?? [])]).toEqual([-1, 0, 1, 2]);
    await session.release();
  });

  test('and prints a summary as JSON and the graph as text', async () => {
    await write(await saved());
    expect(await main(['--json', '--print', at('model.json'), at('out.onnx')])).toBe(0);
    const printed = JSON.parse(stdout);
    expect(printed).toMatchObject({
      file: at('out.onnx'),
      bytes: readFileSync(at('out.onnx')).length,
      nodes: 6,
      inputs: [{ name: 'conv_input', type: 'float32', shape: ['N', 6, 6, 2] }],
      outputs: [{ name: 'latent', type: 'float32', shape: ['N', 3] }],
    });
    stdout = '';
    expect(await main(['--print', at('model.json')])).toBe(0);
    expect(stdout).toBe(`${printed.graph}\n`);
    expect(stdout).toMatchInlineSnapshot(`
      "little(conv_input: float[N,6,6,2])
        little/conv/Transpose = Transpose(conv_input) perm=0,3,1,2
        little/conv/Conv = Conv(little/conv/Transpose, little/conv/kernel:float[4,2,3,3], [0,0,0,0]) kernel_shape=3,3 strides=1,1 dilations=1,1 pads=0,0,0,0
        little/conv/Relu = Relu(little/conv/Conv)
        little/flat/Transpose = Transpose(little/conv/Relu) perm=0,2,3,1
        little/flat/Reshape = Reshape(little/flat/Transpose, [-1,64])
        little/latent/Gemm = Gemm(little/flat/Reshape, little/latent/kernel:float[64,3], [0,0,0]) transA=0 transB=0
        return latent = little/latent/Gemm: float[N,3]
      "
    `);
  });

  test('from any folder, by its name', () => {
    const bin = fileURLToPath(new URL('../../pipeline/tfjs-to-onnx/bin/tfjs-to-onnx.js', import.meta.url));
    const run = (...args: string[]) =>
      execFileSync(process.execPath, [bin, ...args], { cwd: folder, encoding: 'utf8' });
    expect(run('--help')).toMatch(/^tfjs-to-onnx MODEL\.json OUT\.onnx/);
    expect(run('--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('refuses in one line with exit code 2, and leaves existing files unchanged', () => {
  const cases: Readonly<Record<string, [(model: Saved) => Saved, RegExp]>> = {
    'a graph model': [
      ({ weights }) => ({ json: { format: 'graph-model', modelTopology: { node: [] }, weightsManifest: [] }, weights }),
      /model\.json: .*\bGraphModel\b/,
    ],
    'a JSON file of something else': [({ weights }) => ({ json: {}, weights }), /model\.json: .*\bmodelTopology\b/],
    'a model without a list of weights': [
      ({ json, weights }) => ({ json: { modelTopology: json.modelTopology }, weights }),
      /model\.json: .*\bweightsManifest\b/,
    ],
    'a damaged list of weights': [
      ({ json, weights }) => ({
        json: { ...json, weightsManifest: [{ paths: ['weights.bin'], weights: [{ name: 1 }] }] },
        weights,
      }),
      /model\.json: .*\bweightsManifest\b.*\bpaths\b.*\bname, shape and dtype\b/,
    ],
    'a missing file of weights': [
      ({ json, weights }) => ({ json: JSON.parse(JSON.stringify(json).replace('weights.bin', 'gone.bin')), weights }),
      /gone\.bin: no such file or folder/,
    ],
    'a truncated file of weights': [
      ({ json, weights }) => ({ json, weights: weights.subarray(0, 800) }),
      /weights\.bin: .*\b800\b.*\b1084\b/,
    ],
    'a file of weights that is too long': [
      ({ json, weights }) => ({ json, weights: new Uint8Array([...weights, 0]) }),
      /weights\.bin: .*\b1085\b.*\b1084\b/,
    ],
    'a layer that tfjs does not know': [
      ({ json, weights }) => ({ json: JSON.parse(JSON.stringify(json).replace('"Flatten"', '"Lambda"')), weights }),
      /model\.json: .*\bLambda\b/,
    ],
    'weights of another shape than the layers ask for': [
      ({ json, weights }) => ({ json: JSON.parse(JSON.stringify(json).replace('"units":3', '"units":4')), weights }),
      /model\.json: .*\[64,4\].*\[64,3\]/,
    ],
  };

  test.each(Object.entries(cases))('%s', async (_, [damage, message]) => {
    await write(damage(await saved()));
    writeFileSync(at('out.onnx'), 'older');
    const before = readdirSync(folder).sort();
    expect(await main([at('model.json'), at('out.onnx')])).toBe(2);
    expectOneLine(message);
    expect(readFileSync(at('out.onnx'), 'utf8')).toBe('older');
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  test('missing files, files that are not JSON, and folders', async () => {
    expect(await main([at('none.json'), at('out.onnx')])).toBe(2);
    expectOneLine(/none\.json: no such file or folder/);
    writeFileSync(at('broken.json'), '{"modelTopology": ');
    expect(await main([at('broken.json'), at('out.onnx')])).toBe(2);
    expectOneLine(/broken\.json: .*\bJSON\b/);
    expect(await main([folder, at('out.onnx')])).toBe(2);
    expectOneLine(/: .*\bfolder\b/);
    expect(existsSync(at('out.onnx'))).toBe(false);
  });

  test('an output that is a folder or in a missing folder', async () => {
    await write(await saved());
    mkdirSync(at('out.onnx'));
    expect(await main([at('model.json'), at('out.onnx')])).toBe(2);
    expectOneLine(/out\.onnx: .*\bfolder\b/);
    expect(await main([at('model.json'), at('none/out.onnx')])).toBe(2);
    expectOneLine(/none\/out\.onnx: no such file or folder/);
  });

  test('a layer without a lowering', async () => {
    const up = layers.conv3dTranspose({ name: 'up', filters: 2, kernelSize: 2, inputShape: [2, 2, 2, 1] });
    await write(await saved(sequential({ name: 'volumes', layers: [up as never] })));
    expect(await main([at('model.json'), at('out.onnx')])).toBe(2);
    expectOneLine(/model\.json: layer volumes\/up: tf\..*: kernel Conv3DBackpropInputV2\(/);
  });

  test.each([
    [[], /MODEL\.json .*OUT\.onnx/],
    [['model.json'], /MODEL\.json .*OUT\.onnx/],
    [['a', 'b', 'c'], /MODEL\.json .*OUT\.onnx/],
    [['--fast', 'a', 'b'], /'--fast'.*--help/],
  ] as [string[], RegExp][])('the arguments %j', async (args, message) => {
    expect(await main(args)).toBe(2);
    expectOneLine(message);
  });

  function expectOneLine(message: RegExp): void {
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^tfjs-to-onnx: .*\n$/);
    expect(stdout).toBe('');
    stderr = '';
  }
});
