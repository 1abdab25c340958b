import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';

/** Where figures come from. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  /** The widest vector instructions, as far as they are known. */
  readonly vectors: string;
  /** Processes that wanted to run, over the last minute. */
  readonly load: number;
  readonly gpu: string | undefined;
  readonly node: string;
}

export const machine = (): Machine => ({
  cores: availableParallelism(),
  cpu: cpus()[0]?.model ?? process.arch,
  vectors: vectors(),
  load: loadavg()[0] ?? Number.NaN,
  gpu: gpu(),
  node: process.version,
});

export const describe = ({ cores, cpu, vectors, load, gpu, node }: Machine): string =>
  [`${cores} cores: ${cpu}`, vectors, ...(gpu ? [gpu] : []), `Node ${node}`, `load ${load.toFixed(1)}`].join(', ');

function vectors(): string {
  try {
    const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '));
    if (flags.has('avx512f')) return 'AVX-512 (512 bits)';
    if (flags.has('avx2')) return 'AVX2 (256 bits)';
    if (flags.has('avx')) return 'AVX (256 bits)';
  } catch {
    // Only Linux has that file.
  }
  return `${process.arch}, vectors unknown`;
}

/** What NVIDIA's driver says, where there is one. */
function gpu(): string | undefined {
  try {
    const query = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
    return execFileSync('nvidia-smi', query, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .replaceAll('\n', '; ');
  } catch {
    return undefined;
  }
}
