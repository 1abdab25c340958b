/** How much a zip or a folder may hold. */
export interface Limits {
  readonly files: number;
  readonly bytes: number;
}

/** Whether a path from a zip or a folder names something within it. */
export const staysInside = (path: string): boolean =>
  path !== '' && !/^[/\\]|^[a-z]:|\\|\0/i.test(path) && !path.split('/').includes('..');
