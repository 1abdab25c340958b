#!/usr/bin/env node
// CommonJS, because loading an ES module starts Node's thread pool, whose size can be set only before.
const { existsSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { resolve } = require('node:path');
const { isatty } = require('node:tty');

// ONNX Runtime 1.29 and later tell Microsoft about each model that they open, unless this is set before the first.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));
const onTerminal = [0, 1, 2].some((stream) => isatty(stream));
// Loading the program takes up to seconds; then pipeline/cli.ts handles signals.
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 130, SIGHUP: 129 })) {
  process.on(signal, () => {
    process.stderr.write('convae: interrupted\n');
    process.removeAllListeners(signal);
    if (signal === 'SIGHUP' && onTerminal) process.kill(process.pid, signal); // Node aborts where its terminal is gone
    process.exit(code);
  });
}
process.stderr.on('error', () => {}); // nobody reads the progress any more: the work goes on
// The package holds only compiled code. A checkout runs its source, even if it has been built before.
if (existsSync(resolve(__dirname, '../pipeline/cli.ts'))) void runSource(resolve(__dirname, '..'));
else void import('../dist/pipeline/cli.js');

async function runSource(root) {
  const tsconfig = resolve(root, 'tsconfig.json');
  // Threads and child processes that load tsx find the checkout's paths by this, whatever folder they are in.
  process.env.TSX_TSCONFIG_PATH = tsconfig;
  const { register } = await import('tsx/esm/api').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    process.stderr.write(`convae: its packages are not installed; run \`npm ci\` in ${root}\n`);
    process.exit(3);
  });
  register({ tsconfig });
  await import('../pipeline/cli.ts');
}
