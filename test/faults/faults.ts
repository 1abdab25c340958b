import { readdirSync } from 'node:fs';
import { constants } from 'node:os';

const { EACCES, EDQUOT, EIO, ENOSPC, EROFS } = constants.errno;

interface Fault {
  /** errno, or -1 to kill the process. */
  readonly error: number;
  /** Whether all later calls fail too. */
  readonly lasting: boolean;
  /** Whether calls fail that read, instead of those that write. */
  readonly reads: boolean;
  /** What the command must end with, unless it succeeds. */
  readonly exitCode: number;
}

const writing = { lasting: false, reads: false, exitCode: 3 };

export const faults = {
  'disk full': { ...writing, error: ENOSPC, lasting: true },
  'disk full once': { ...writing, error: ENOSPC },
  'disk fails': { ...writing, error: EIO },
  'read-only': { ...writing, error: EROFS, lasting: true },
  quota: { ...writing, error: EDQUOT, lasting: true },
  forbidden: { ...writing, error: EACCES, lasting: true, exitCode: 2 },
  'disk fails to read': { ...writing, error: EIO, reads: true },
  KILL: { ...writing, error: -1 },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];

/** Names of what is there only while a command writes. */
const LEFTOVER = /(^|\/)(\.convae-partial|lock|[^/]*\.(partial|next|tmp|old))(\/|$)/;

/** How many calls to try, and for how many milliseconds. */
export interface Budget {
  readonly calls?: number;
  readonly ms?: number;
  /** Calls that were tried before, with another fault. */
  readonly skip?: number;
}

/** The calls to try, of those numbered from 1 to `total`, in an order whose every beginning is spread over all of them. */
export function* callsWithin(total: number, budget: Budget): Generator<number> {
  const { calls = total, ms = Number.POSITIVE_INFINITY, skip = 0 } = budget;
  const common = (a: number, b: number): number => (b === 0 ? a : common(b, a % b));
  let step = Math.max(1, Math.round(total * 0.618));
  while (common(step, total) > 1) step++;
  const end = performance.now() + ms;
  for (let i = 0; i < Math.min(calls, total) && performance.now() < end; i++) yield (((skip + i) * step) % total) + 1;
}

export const isLeftover = (path: string): boolean => LEFTOVER.test(path);

/** Paths in a folder that a command should have removed. */
export const leftoversIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(isLeftover);
