import { printableLine } from './printable.ts';

/** Errors that end a command with one line and an exit code; any other error is a bug and shows its stack. */

/** An error whose message is one line, safe to print whatever names it contains. */
class OneLineError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(printableLine(message), options);
  }
}

/** The user's input is wrong: exit code 2. The message states what, where, what was expected and what to do. */
export class InputError extends OneLineError {
  readonly exitCode = 2;
}

/** The environment failed (disk, device, missing library): exit code 3. */
export class EnvironmentError extends OneLineError {
  readonly exitCode = 3;
}

/** An engine or a device that is unavailable here, and how to install it. */
export class Unavailable extends EnvironmentError {
  readonly reason: string;
  /** What to do, as an imperative: "run `npx convae setup cuda`". */
  readonly remedy: string;

  /** @param instead what to do without it, as an imperative */
  constructor(reason: string, remedy: string, instead: string, options?: ErrorOptions) {
    super(`${reason}; ${remedy}, or ${instead}`, options);
    this.reason = reason;
    this.remedy = remedy;
  }
}

/** Stopped by a signal after saving the work done so far: exit code 130, or 129 after SIGHUP. */
export class Interrupted extends OneLineError {
  readonly exitCode = 130;
}

/** @throws the signal's reason where that is an error of our own, otherwise Interrupted, once the signal is aborted */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  // An abort without a reason has a DOMException.
  const { reason } = signal;
  throw reason instanceof Error && !(reason instanceof DOMException) ? reason : new Interrupted('interrupted');
}

/** The code of an error of Node or of the system ("ENOENT"); undefined for other errors. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** Handler for `catch`: undefined where a file or folder is missing. @throws any other error */
export function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}

/** Codes of file-system errors that concern what the user typed; all others concern the machine. */
const INPUT_CODES = new Set([
  ...['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG', 'EINVAL'],
  // A path with a zero byte; a file that does not fit into a buffer; one that is too short for a loader, or has another checksum.
  ...['ERR_INVALID_ARG_VALUE', 'ERR_FS_FILE_TOO_LARGE', 'END_OF_FILE', 'DAMAGED'],
]);

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space and run the command again',
  EDQUOT: 'the disk quota is used up; free some space and run the command again',
  EFBIG: 'the file system takes no files that large; choose a folder on another disk',
  EROFS: 'the file system is read-only; choose another folder',
  EIO: 'the disk failed (EIO); check it, and choose a folder on another one',
  EMFILE: 'too many files are open; raise the limit (`ulimit -n`)',
  ENOLCK: 'the file system has no locks; choose a folder on another disk',
  ENOSYS: 'the file system does not support this; choose a folder on another disk',
  ENOTSUP: 'the file system does not support this; choose a folder on another disk',
  EACCES: 'permission denied; choose another folder or change its permissions',
  EPERM: 'permission denied; choose another folder or change its permissions',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder, a file was expected',
  EEXIST: 'it exists already',
  ELOOP: 'it is a link, a file or folder was expected',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
};

const concernsInput = (code: string): boolean => INPUT_CODES.has(code) || code.startsWith('Z_'); // damaged data of zlib

/** Whether an error is one of the file system that the user's input does not cause. */
export function isFault(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return /^E[A-Z0-9]+$|^unknown/i.test(code) && !concernsInput(code);
}

/**
 * Turns a file-system error into a one-line error that names the path; other errors are returned unchanged.
 * @param doing the failed action, as a clause ("cannot write runs/cae")
 */
export function fileError(error: unknown, doing: string): unknown {
  const code = codeOf(error);
  if (code === undefined || !(concernsInput(code) || isFault(error))) return error;
  const Kind = concernsInput(code) ? InputError : EnvironmentError;
  const unknown = code === 'ENOENT' && doing.includes('\ufffd'); // what Node puts in the place of other bytes
  const reason = unknown ? 'its name is not UTF-8; rename it' : (REASONS[code] ?? (error as Error).message);
  return new Kind(`${doing}: ${reason}`, { cause: error });
}

/** Runs `work` and turns the file-system errors that it throws into one-line errors. @param doing as for `fileError` */
export async function withFileErrors<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, doing);
  }
}
