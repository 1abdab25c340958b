import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Generator } from '../../pipeline/data/generator.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { peerPython, pixelsOf, scratchFolder } from '../data/support.ts';

export const needsPeer = '(skipped unless CONVAE_PEER_PYTHON names a Python with scikit-learn)';

/** Standard-normal numbers. */
export function normals(count: number, seed: number): Float32Array {
  const numbers = new Float32Array(count);
  Generator.of(seed, 'test').fillNormal(numbers);
  return numbers;
}

/** Rows around as many random centres as there are classes, in turn. */
export function blobs(n: number, size: number, classes: number, seed: number, spread = 3) {
  const [centres, rows] = [normals(classes * size, seed + 1000), normals(n * size, seed)];
  const labels = Int32Array.from({ length: n }, (_, i) => i % classes);
  rows.forEach((value, i) => {
    const label = labels[Math.floor(i / size)] as number;
    rows[i] = value + spread * (centres[label * size + (i % size)] as number);
  });
  return { rows, labels };
}

/** The first test digits of MNIST. */
export async function digits(count: number): Promise<{ rows: Uint8Array; labels: Int32Array }> {
  const data = await openSplit('mnist', 'test');
  try {
    return {
      rows: (await pixelsOf(data)).subarray(0, count * 784),
      labels: (data.labels ?? new Int32Array()).subarray(0, count),
    };
  } finally {
    await data.close();
  }
}

type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Runs Python on arrays, which it finds in `given` under their names (flat, of their own types); what it prints is JSON. */
export function peerScript(): <T>(script: string, given: Record<string, Numbers>) => T {
  const scratch = scratchFolder();
  return (script, given) => {
    const files = Object.entries(given).map(([name, numbers]) => {
      writeFileSync(scratch(name), numbers);
      return [name, scratch(name), numbers.constructor.name.replace('Array', '').toLowerCase()];
    });
    const opening = `
import json, sys, warnings
import numpy as np
warnings.filterwarnings('ignore')
given = {name: np.fromfile(path, dtype) for name, path, dtype in json.loads(sys.argv[1])}
`;
    const printed = execFileSync(peerPython ?? '', ['-c', opening + script, JSON.stringify(files)], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
    });
    return JSON.parse(printed);
  };
}

/** Processor seconds that some work takes. */
export async function cpuSeconds(work: () => Promise<unknown>): Promise<number> {
  const began = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

/** The largest difference of two rows of numbers. */
export function gap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
}
