import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { EagerBackend, type EagerOptions } from './eager/backend.ts';
import { watch } from './eager/boundaries.ts';
import { watchLayers } from './eager/layers.ts';
import type { Explanation } from './eager/log.ts';
import { isOnCpu } from './eager/on-cpu.ts';
import { definedInputs, isLowered, kernelNames } from './kernel-calls.ts';

export type { EagerOptions, Explanation };

/** The name of the backend, for `tf.setBackend`. */
export const BACKEND = 'onnx';

/** Above tfjs's `cpu` (1), below tfjs-node (3). */
const PRIORITY = 2;

let options: EagerOptions = {};
/** The backend, once it was used. */
let backend: EagerBackend | undefined;

/** Sets how the backend computes from now on, and forgets what `explain` tells. */
export function configure(chosen: EagerOptions): void {
  options = chosen;
  backend?.configure(options);
}

/**
 * What the backend has done so far: graphs, and the lines of the program that asked for them.
 * @throws Error where the backend was never used
 */
export function explain(): Explanation {
  if (!backend) throw new Error(`the backend was not used; call tf.setBackend('${BACKEND}')`);
  return backend.log.explain();
}

const active = (): EagerBackend | undefined => (tf.getBackend() === BACKEND ? backend : undefined);

const create = (): EagerBackend => {
  backend = new EagerBackend(options);
  watchLayers();
  return backend;
};

tf.registerBackend(BACKEND, create, PRIORITY);
// Where a backend does not have a kernel at all, tfjs may know another way.
for (const kernelName of kernelNames().filter((name) => isLowered(name) || isOnCpu(name))) {
  const kernelFunc: tf.KernelFunc = ({ inputs, attrs, backend }) =>
    (backend as EagerBackend).call(kernelName, definedInputs(inputs), attrs ?? {});
  tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
}
watch(active);
