#!/usr/bin/env node
import { existsSync } from 'node:fs';

process.env.ORT_DISABLE_TELEMETRY ??= '1'; // ONNX Runtime 1.29 and later send data about models to Microsoft
// A checkout has the source and runs it as it is; the published package has what is built from it.
const inCheckout = existsSync(new URL('../src/cli.ts', import.meta.url));
if (inCheckout) {
  const { register } = await import('tsx/esm/api');
  register();
}
const { main } = await import(inCheckout ? '../src/cli.ts' : '../dist/cli.js');
process.exitCode = await main(process.argv.slice(2));
