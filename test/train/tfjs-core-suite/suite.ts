/** What is bundled: tfjs-core together with the specs that it ships, so that both are one instance. */
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util.js';

export * as core from '@tensorflow/tfjs-core';

/**
 * Declares tfjs-core's specs to jasmine, whose functions must be global.
 * @param backendName the tfjs backend that they are to run on
 */
export async function declareSpecs(backendName: string): Promise<void> {
  setTestEnvs([{ name: `test-${backendName}`, backendName, isDataSync: true }]);
  await import('@tensorflow/tfjs-core/dist/tests.js');
}
