/** What ends the command with one line and an exit code: 2 where the input is wrong, 3 where the machine failed. */
export class Failure extends Error {
  readonly exitCode: 2 | 3;

  constructor(message: string, exitCode: 2 | 3 = 2) {
    super(message.split('\n', 1)[0]);
    this.exitCode = exitCode;
  }
}

const REASONS: Readonly<Record<string, readonly [string, 2 | 3]>> = {
  EACCES: ['permission denied', 2],
  EDQUOT: ['the disk quota is used up', 3],
  EISDIR: ['it is a folder, a file was expected', 2],
  ENOENT: ['no such file or folder', 2],
  ENOSPC: ['the disk is full', 3],
  ENOTDIR: ['a part of the path is a file, not a folder', 2],
  EPERM: ['permission denied', 2],
  EROFS: ['the file system is read-only', 3],
};

/** The failure that a file-system error is; other errors are returned as they are. */
export function fileFailure(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  const [reason, exitCode] = REASONS[error.code] ?? [error.message, 3];
  return new Failure(`${path}: ${reason}`, exitCode);
}

/** Whether an error comes from the code of tfjs, which takes the models that it saves for granted. */
export const isOfTensorFlow = ({ stack = '' }: Error): boolean =>
  /tfjs-(core|layers|converter|backend)/.test(stack.split('\n').find((line) => line.startsWith('    at ')) ?? '');
