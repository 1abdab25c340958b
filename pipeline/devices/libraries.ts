/**
 * Tries to load a shared library.
 * @param library a path, or a name that the dynamic linker looks for
 * @returns what the dynamic linker misses ("libcuda.so.1: cannot open shared object file"), or undefined where it misses
 * nothing
 */
export function missingLibrary(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // A library that loads, but is no Node module, is an error as well.
    return /[^\s:]+: cannot open shared object file/.exec(message)?.[0];
  }
}
