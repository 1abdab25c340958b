/**
 * `node --import tsx child.ts cpu|tfjs-node`: runs tfjs-core's own specs on a backend. The last line on stdout is the
 * outcome as JSON.
 */
import { createRequire, Module } from 'node:module';
import { fileURLToPath } from 'node:url';
import { loadTensorFlow } from '../../../pipeline/train/engines/tfjs.ts';
import { loadSpecs, runSpecs } from '../../tfjs-to-onnx/suite/jasmine.ts';
import type * as Suite from './suite.ts';

export type SuiteBackend = 'cpu' | 'tfjs-node';

const require = createRequire(import.meta.url);

/** Starts a backend and declares the specs to it. */
async function declareFor(backend: SuiteBackend): Promise<void> {
  const { core, declareSpecs } = await loadSpecs<typeof Suite>(fileURLToPath(new URL('suite.ts', import.meta.url)));
  provideToBackends(core);
  if (backend === 'cpu') require('@tensorflow/tfjs-backend-cpu');
  else await loadTensorFlow(backend, 0);
  const registered = backend === 'cpu' ? 'cpu' : 'tensorflow';
  // A backend that does not start makes tfjs go on with another one.
  if (!(await core.setBackend(registered))) throw new Error(`the tfjs backend ${registered} does not start`);
  await declareSpecs(registered);
}

/** Makes `require('@tensorflow/tfjs-core')` give the backends the tfjs-core that the specs are bundled with. */
function provideToBackends(core: typeof Suite.core): void {
  const path = require.resolve('@tensorflow/tfjs-core');
  const exports = { ...core, KernelBackend: callable(core.KernelBackend) };
  require.cache[path] = Object.assign(new Module(path), { exports, loaded: true });
}

/** A class that can be extended by classes compiled to ES5, as the backends' are: these call it without `new`. */
function callable(target: new () => object): () => object {
  function Callable(this: object): object {
    return Reflect.construct(target, [], this.constructor);
  }
  Callable.prototype = target.prototype;
  return Callable;
}

const results = await runSpecs(async () => {
  await declareFor(process.argv[2] as SuiteBackend);
  return undefined;
});
console.log(JSON.stringify(results));
