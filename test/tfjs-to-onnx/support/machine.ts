import { cpu, type Target } from '../../../pipeline/tfjs-to-onnx/src/index.ts';
import { convRow } from './geometry.ts';
import { expectParity } from './parity.ts';

/** The targets with blocked kernels that this machine supports: at most one, of its vector width. */
export const blockedTargets: readonly Target[] = await computed([cpu(16), cpu(8)]);

async function computed(targets: readonly Target[]): Promise<Target[]> {
  const probe = convRow({ size: [5, 5], inputs: 16, outputs: 16, kernel: [3, 3] });
  const right: Target[] = [];
  for (const target of targets) {
    try {
      await expectParity({ ...probe, gradients: false }, [target]);
      right.push(target);
    } catch {
      // Another vector width than this machine's, or no blocked kernels in this build.
    }
  }
  return right;
}
