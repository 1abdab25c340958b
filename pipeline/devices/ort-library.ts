import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The folder of the npm package onnxruntime-node. */
export const runtimeFolder = (): string => dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));

/** The folder of its libraries for this machine. */
export const libraryFolder = (): string => join(runtimeFolder(), 'bin', 'napi-v6', process.platform, process.arch);

/** The library that onnxruntime-node computes with. */
export function runtimeLibrary(): string {
  const names: Partial<Record<NodeJS.Platform, string>> = {
    darwin: 'libonnxruntime.1.dylib',
    win32: 'onnxruntime.dll',
  };
  return join(libraryFolder(), names[process.platform] ?? 'libonnxruntime.so.1');
}
