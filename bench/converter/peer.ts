import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A Python with tensorflow-cpu and tf2onnx: `TF2ONNX_PYTHON`, or a virtual environment in convae's cache. */
const ENVIRONMENT = join(homedir(), '.cache', 'convae', 'tf2onnx', 'bin', 'python');
const python = process.env.TF2ONNX_PYTHON ?? (existsSync(ENVIRONMENT) ? ENVIRONMENT : 'python3');
const script = fileURLToPath(new URL('./keras_peer.py', import.meta.url));

/** Why tf2onnx cannot run here, or undefined if it can. */
export function peerIsMissing(): string | undefined {
  try {
    execFileSync(python, ['-c', 'import tensorflow, tf2onnx'], { stdio: ['ignore', 'ignore', 'pipe'] });
    return undefined;
  } catch (error) {
    const lines = String((error as { stderr?: Buffer }).stderr ?? error)
      .trim()
      .split('\n');
    return `${python}: ${lines.at(-1)} (pip install tensorflow-cpu==2.15.1 tf2onnx==1.16.1 onnx==1.16.2)`;
  }
}

/**
 * Converts a model of `keras.applications` with tf2onnx.
 * @returns the seconds that the conversion alone took
 */
export function convertWithTf2onnx(name: string, file: string): number {
  const answer = execFileSync(python, [script, name, file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' },
  });
  return Number(answer.trim().split('\n').at(-1));
}
