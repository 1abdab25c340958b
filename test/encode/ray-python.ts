import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const RAY_SCRIPT = fileURLToPath(new URL('../../deploy/ray/encode.py', import.meta.url));

/** A Python with Ray: `pip install "ray[data]" onnxruntime pyvips-binary pyvips numpy pyarrow`. */
export const PYTHON = process.env.CONVAE_RAY_PYTHON ?? 'python3';

/** Why Python has no Ray; undefined where it has. */
export function missingOfRay(): string | undefined {
  try {
    execFileSync(PYTHON, ['-c', 'import ray, onnxruntime, pyvips, pyarrow'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr)
      .trim()
      .split('\n')
      .at(-1);
    return `${PYTHON}: ${said}; CONVAE_RAY_PYTHON names another`;
  }
}
