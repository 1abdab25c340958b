/** What is bundled: tfjs-core with the specs that it ships, and the backend under test, so that all share one tfjs-core. */
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import * as core from '@tensorflow/tfjs-core';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util.js';
import { BACKEND, configure, type EagerOptions, explain } from '../../../pipeline/tfjs-to-onnx/src/eager.ts';

/** Sets how the backend computes from now on. */
export const compute = (options: Required<Pick<EagerOptions, 'cpuFallback'>>): void =>
  configure({ ...options, onlyGraphs: true, threads: 1 });

/**
 * Starts the backend and declares tfjs-core's specs to jasmine, whose functions must be global.
 * @returns how many calls have run on tfjs's `cpu` backend so far because they could not be part of a graph
 * @throws Error when the backend does not start: tfjs would go on with another one
 */
export async function declareSpecs(): Promise<() => number> {
  if (!(await core.setBackend(BACKEND))) throw new Error(`the tfjs backend ${BACKEND} does not start`);
  setTestEnvs([{ name: 'test-onnx', backendName: BACKEND, isDataSync: true }]);
  await import('@tensorflow/tfjs-core/dist/tests.js');
  if (core.getBackend() !== BACKEND) throw new Error(`the specs would run on ${core.getBackend()}`);
  return () => Object.values(explain().onCpu).reduce((sum, calls) => sum + calls, 0);
}
