import './support/tfjs.ts';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { main } from '../../pipeline/tfjs-to-onnx/src/cli.ts';
import { commandTests } from './support/command.ts';
import { type Saved, saved } from './support/saved.ts';

const { folder, at, write, said } = commandTests();

/** A description with a piece of its text replaced. */
const replaced = (json: Saved['json'], from: string, to: string): Saved['json'] =>
  JSON.parse(JSON.stringify(json).replace(from, to));

/** A model of two layers that wait for each other. */
function cyclic(): Saved['json'] {
  const layer = (name: string, from: string) => ({
    name,
    class_name: 'Activation',
    config: { name, activation: 'relu' },
    inbound_nodes: [[[from, 0, 0, {}]]],
  });
  const config = {
    name: 'round',
    layers: [layer('a', 'b'), layer('b', 'a')],
    input_layers: [['a', 0, 0]],
    output_layers: [['b', 0, 0]],
  };
  return { modelTopology: { class_name: 'Model', config }, weightsManifest: [{ paths: [], weights: [] }] };
}

describe('refuses in one line with exit code 2, and leaves existing files unchanged', () => {
  const cases: Readonly<Record<string, [(model: Saved) => Saved | Promise<Saved>, RegExp]>> = {
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
    'inputs as Keras 3 describes them': [
      () => ({
        json: replaced(cyclic(), '"Activation","config":{', '"InputLayer","config":{"batch_shape":[null,2],'),
        weights: new Uint8Array(),
      }),
      /model\.json: .*\bKeras 3\b.*\btf_keras\b/,
    ],
    'calls as Keras 3 describes them': [
      () => ({
        json: replaced(cyclic(), '[[["b",0,0,{}]]]', '[{"args":[],"kwargs":{}}]'),
        weights: new Uint8Array(),
      }),
      /model\.json: .*\bKeras 3\b.*\bmodel\.export\b/,
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
    'weights outside its folder': [
      ({ json, weights }) => ({ json: replaced(json, 'weights.bin', '../weights.bin'), weights }),
      /model\.json: .*\.\.\/weights\.bin; move them beside/,
    ],
    'weights at an absolute path': [
      ({ json, weights }) => ({ json: replaced(json, 'weights.bin', '/etc/passwd'), weights }),
      /model\.json: .*\/etc\/passwd; move them beside/,
    ],
    'a size that the files do not have': [
      ({ json, weights }) => ({ json: replaced(json, '"units":3', '"units":300000000'), weights }),
      /model\.json: layer latent .*\b300000000\b.*\b271\b/,
    ],
    'a size that they do not have, of a layer in a layer': [
      async () => {
        const inner = layers.separableConv2d({ name: 'inner', filters: 2, kernelSize: 3 });
        const { json, weights } = await saved(
          sequential({ layers: [layers.timeDistributed({ layer: inner as never, inputShape: [2, 5, 5, 1] })] }),
        );
        return { json: replaced(json, '"kernel_size":[3,3]', '"kernel_size":[30000,30000]'), weights };
      },
      /model\.json: layer inner .*\b9000000\d\d\b.*\b13\b/,
    ],
    'a type of weights that tfjs does not have': [
      ({ json, weights }) => ({
        json: replaced(json, '"shape":[64,3],"dtype":"float32"', '"shape":[64,3],"dtype":"float8"'),
        weights,
      }),
      /model\.json: weight .*\bfloat8\b.*\bfloat32\b/,
    ],
    'a layer that waits for itself': [
      ({ weights }) => ({ json: cyclic(), weights }),
      /model\.json: layer \w .*\bits own output\b/,
    ],
    'a layer that tfjs does not know': [
      ({ json, weights }) => ({ json: JSON.parse(JSON.stringify(json).replace('"Flatten"', '"Lambda"')), weights }),
      /model\.json: .*\bLambda\b.*--register/,
    ],
    'weights of another shape than the layers ask for': [
      ({ json, weights }) => ({ json: JSON.parse(JSON.stringify(json).replace('"units":3', '"units":4')), weights }),
      /model\.json: .*\[64,4\].*\[64,3\]/,
    ],
  };

  test.each(Object.entries(cases))('%s', async (_, [damage, message]) => {
    write(await damage(await saved()));
    writeFileSync(at('out.onnx'), 'older');
    const before = readdirSync(folder()).sort();
    expect(await main([at('model.json'), at('out.onnx')])).toBe(2);
    expectOneLine(message);
    expect(readFileSync(at('out.onnx'), 'utf8')).toBe('older');
    expect(readdirSync(folder()).sort()).toEqual(before);
  });

  test('missing files, files that are not JSON, and folders', async () => {
    expect(await main([at('none.json'), at('out.onnx')])).toBe(2);
    expectOneLine(/none\.json: no such file or folder/);
    writeFileSync(at('empty.json'), '');
    expect(await main([at('empty.json'), at('out.onnx')])).toBe(2);
    expectOneLine(/empty\.json: .*\bempty\b/);
    writeFileSync(at('broken.json'), '{"modelTopology": ');
    expect(await main([at('broken.json'), at('out.onnx')])).toBe(2);
    expectOneLine(/broken\.json: .*\bJSON\b/);
    expect(await main([folder(), at('out.onnx')])).toBe(2);
    expectOneLine(/: .*\bfolder\b/);
    expect(existsSync(at('out.onnx'))).toBe(false);
  });

  test('an output that is a folder or in a missing folder', async () => {
    write(await saved());
    mkdirSync(at('out.onnx'));
    expect(await main([at('model.json'), at('out.onnx')])).toBe(2);
    expectOneLine(/out\.onnx: .*\bfolder\b/);
    expect(await main([at('model.json'), at('none/out.onnx')])).toBe(2);
    expectOneLine(/none\/out\.onnx: no such file or folder/);
  });

  test('a layer that reads values', async () => {
    class Reading extends layers.Layer {
      static className = 'Reading';

      override call(inputs: Tensor | Tensor[]): Tensor {
        const [x] = [inputs].flat() as [Tensor];
        return tf.mul(x, x.dataSync()[0] ?? 1);
      }
    }
    tf.serialization.registerClass(Reading as never);
    const reading = new Reading({ name: 'scale', inputShape: [3] });
    write(await saved(sequential({ name: 'scaled', layers: [reading] })));
    expect(await main([at('model.json'), at('out.onnx')])).toBe(2);
    expectOneLine(/model\.json: layer scaled\/scale: .*values.*\bgraph\b.*\bbetween\b/);
  });

  test.each([
    [[], /MODEL\.json .*OUT\.onnx/],
    [['model.json'], /MODEL\.json .*OUT\.onnx/],
    [['a', 'b', 'c'], /MODEL\.json .*OUT\.onnx/],
    [['--fast', 'a', 'b'], /'--fast'.*--help/],
    [['a', 'b', '--shape', 'x'], /--shape x: NAME=1,224,224,3/],
    [['a', 'b', '--shape', 'x=1,0'], /--shape x=1,0: NAME=/],
    [['a', 'b', '--value', 'x=yes'], /--value x=yes: NAME=/],
    [['a', 'b', '--dynamic', 'x=height'], /--dynamic x=height: NAME=1,2/],
    [['a', 'b', '--check', 'often'], /--check often: .*\bnumber\b/],
  ] as [string[], RegExp][])('the arguments %j', async (args, message) => {
    expect(await main(args)).toBe(2);
    expectOneLine(message);
  });

  function expectOneLine(message: RegExp): void {
    expect(said.stderr).toMatch(message);
    expect(said.stderr).toMatch(/^tfjs-to-onnx: .*\n$/);
    expect(said.stdout).toBe('');
    said.stderr = '';
  }
});
