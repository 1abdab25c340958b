/** `node --import tsx child.ts`: runs tfjs-core's own specs on tfjs-node. The last line on stdout is the outcome as JSON. */
import { createRequire, Module } from 'node:module';
import { fileURLToPath } from 'node:url';
import { loadTensorFlow } from '../../../pipeline/train/engines/tfjs.ts';
import { declaredSpecs, loadSpecs } from '../../tfjs-to-onnx/suite/jasmine.ts';
import type * as Suite from './suite.ts';

const require = createRequire(import.meta.url);

/** Starts the backend and declares the specs to it. */
async function declare(): Promise<void> {
  const { core, declareSpecs } = await loadSpecs<typeof Suite>(fileURLToPath(new URL('suite.ts', import.meta.url)));
  provideToBackend(core);
  await loadTensorFlow('tfjs-node', 0);
  // A backend that does not start makes tfjs go on with another one.
  if (!(await core.setBackend('tensorflow'))) throw new Error('tfjs-node does not start');
  await declareSpecs('tensorflow');
}

/** Makes `require('@tensorflow/tfjs-core')` give the backend the tfjs-core that the specs are bundled with. */
function provideToBackend(core: typeof Suite.core): void {
  const path = require.resolve('@tensorflow/tfjs-core');
  const exports = { ...core, KernelBackend: callable(core.KernelBackend) };
  require.cache[path] = Object.assign(new Module(path), { exports, loaded: true });
}

/** A class that can be extended by classes compiled to ES5, as the backend's are: these call it without `new`. */
function callable(target: new () => object): () => object {
  function Callable(this: object): object {
    return Reflect.construct(target, [], this.constructor);
  }
  Callable.prototype = target.prototype;
  return Callable;
}

const run = await declaredSpecs(async () => {
  await declare();
  return undefined;
});
console.log(JSON.stringify(await run()));
