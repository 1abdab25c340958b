/** The parts of fs-native-extensions used here; it has no types. */
declare module 'fs-native-extensions' {
  /**
   * Locks an open file, which must be writable, until it is closed: an open-file-description lock on Linux, flock on macOS,
   * LockFileEx on Windows.
   * @returns false while it is locked through another opening of the file
   * @throws Error with a `code` but without an `errno`
   */
  export function tryLock(fd: number): boolean;
  /** Exchanges two files or folders in one step. Rejects as `tryLock` throws; not every file system can do this. */
  export function swap(from: string, to: string): Promise<void>;
}
