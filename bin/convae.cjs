#!/usr/bin/env node
// CommonJS, because loading an ES module starts Node's thread pool, whose size can be set only before.
const { availableParallelism } = require('node:os');
const { resolve } = require('node:path');

const root = resolve(__dirname, '..');
const tsconfig = resolve(root, 'tsconfig.json');
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));
// Threads and child processes that load tsx find the checkout's paths by this, whatever folder they are in.
process.env.TSX_TSCONFIG_PATH = tsconfig;

async function main() {
  const { register } = await import('tsx/esm/api').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    process.stderr.write(`convae: the packages that it needs are not installed; run \`npm ci\` in ${root}\n`);
    process.exit(3);
  });
  register({ tsconfig });
  await import('../pipeline/cli.ts');
}

void main();
