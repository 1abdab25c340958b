/**
 * Where the time of a training step goes, by ONNX Runtime's own trace: operators and layers, in milliseconds a step (the fastest
 * run of each node) and as shares of all nodes.
 *
 *     npm run bench:profile -- cae --threads 1
 *     npm run bench:profile -- cae --slices                                              # what more threads could give
 *     npm run bench:profile -- resvae --size 64x64x3 --batch 16 --steps 10 --nodes 20    # and the 20 slowest nodes
 *     npm run bench:profile -- cae --device cuda                                         # each node until its kernels end
 *
 * Images are noise: operators take as long as on others. `CPU` is what a step without the trace takes of all cores. On CUDA the
 * trace has the time of each node's kernels and of launching them, which a recorded step does without.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { models } from '../../models/index.ts';
import { checkDevice } from '../../pipeline/devices/device.ts';
import { slicesOf } from '../../pipeline/train/engines/slices.ts';
import { type NodeTime, nodeTimes, sliceTime, stepper, type Total, totals } from './trace.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    steps: { type: 'string', default: '50' },
    size: { type: 'string', default: '28x28x1' },
    batch: { type: 'string' },
    nodes: { type: 'string', default: '0' },
    slices: { type: 'boolean' },
    device: { type: 'string', default: 'cpu' },
  },
});
const [name = 'cae'] = positionals;
const model = models[name] ?? stop(`there is no model ${name}; there is ${Object.keys(models).join(', ')}`);
const [height = 0, width = 0, channels = 0] = values.size.split('x').map(Number);
const [threads, steps, nodes] = [whole('threads', 1), whole('steps', 1), whole('nodes', 0)];
const device = deviceOf(values.device);
const what = {
  model,
  image: { height, width, channels },
  device,
  threads,
  batch: whole('batch', 1, model.recipe.batchSize),
};

if (values.slices) {
  await reportSlices();
  process.exit();
}
const cpu: number[] = [];
if (device === 'cuda') {
  process.env.CUDA_LAUNCH_BLOCKING = '1';
  await checkDevice(device);
} else {
  const plain = await stepper(what);
  for (let i = 0; i < steps; i++) cpu.push(await plain.step());
  await plain.dispose();
}

const folder = await mkdtemp(join(tmpdir(), 'convae-profile-'));
try {
  const traced = await stepper(what, join(folder, 'trace'));
  for (let i = 0; i < steps; i++) await traced.step();
  await traced.dispose();
  const file = (await readdir(folder)).sort().at(-1) ?? ''; // the session of the step is the last one
  report(nodeTimes(await readFile(join(folder, file), 'utf8')), traced.target);
} finally {
  await rm(folder, { recursive: true });
}

/** What stays on one thread by Amdahl's law: the share of a step by which `n` slices fall short of `n` times the speed. */
async function reportSlices(): Promise<void> {
  console.log(
    `${name}, ${values.size}, batch ${what.batch}: a slice alone on one thread, the fastest of ${steps} steps\n`,
  );
  const head = ['slices', 'ms', 'speed-up at most', "Amdahl's share"];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  const whole = await sliceTime(what, 1, steps);
  for (const n of [1, 2, 4, 8, 16]) {
    if (slicesOf(what.batch, n) < n) continue;
    const ms = n === 1 ? whole : await sliceTime(what, n, steps);
    const share = n === 1 ? '' : `${((100 * ((n * ms) / whole - 1)) / (n - 1)).toFixed(1)} %`;
    table.push([n, ms.toFixed(2), (whole / ms).toFixed(2), share]);
  }
  console.log(`${table}`);
}

function report(times: readonly NodeTime[], target: string): void {
  const all = times.reduce((sum, { ms }) => sum + ms, 0);
  const { batch } = what;
  const where = device === 'cuda' ? 'CUDA' : `${threads} threads`;
  const total = cpu.sort((a, b) => a - b)[steps >> 2];
  console.log(
    `${name}, ${values.size}, batch ${batch}, ${where}, ${target}, the fastest of ${steps} runs of each node`,
  );
  console.log(
    `${total ? `CPU ${total.toFixed(2)} ms of all cores (lower quartile); ` : ''}nodes ${all.toFixed(2)} ms\n`,
  );
  const table = (title: string, rows: readonly Total[]) => {
    const style = { head: [], border: [], compact: true };
    const made = new Table({
      head: [title, 'nodes', 'ms', 'share'],
      style,
      colAligns: ['left', 'right', 'right', 'right'],
    });
    for (const { key, count, ms } of rows) {
      made.push([key, count, ms.toFixed(3), `${((100 * ms) / all).toFixed(1)} %`]);
    }
    console.log(`${made}\n`);
  };
  table(
    'operator',
    totals(times, ({ op }) => op),
  );
  table(
    'layer',
    totals(times, ({ layer }) => layer),
  );
  if (nodes > 0) table('node', totals(times, ({ node, shapes }) => `${node} ${shapes}`).slice(0, nodes));
}

function deviceOf(name: string): 'cpu' | 'cuda' {
  return name === 'cpu' || name === 'cuda' ? name : stop(`--device ${name}: there is cpu and cuda`);
}

function whole(option: 'threads' | 'steps' | 'nodes' | 'batch', least: number, otherwise = Number.NaN): number {
  const value = Number(values[option] ?? otherwise);
  return Number.isInteger(value) && value >= least
    ? value
    : stop(`--${option} ${values[option]}: a whole number from ${least} was expected`);
}

function stop(message: string): never {
  console.error(message);
  process.exit(2);
}
