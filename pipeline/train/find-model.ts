import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, Plugin } from 'esbuild';
import { z } from 'zod';
import { models } from '../../models/index.ts';
import { type ModelDefinition, pixelLosses } from '../../models/kit/model.ts';
import { sha256 } from '../io/digest.ts';
import { EnvironmentError, fileError, InputError } from '../io/errors.ts';
import { moduleExtension } from '../io/installation.ts';

/** A model, and the file that defines it unless it is one of convae's own. */
export interface FoundModel {
  readonly model: ModelDefinition;
  /** Absolute path. */
  readonly file?: string | undefined;
}

/** Enough of a ModelDefinition to recognize one; the recipe is checked when a run is planned. */
const definition = z.object({
  name: z.string().regex(/^[\w.-]+$/),
  summary: z.string(),
  pixelLoss: z.enum(Object.values(pixelLosses)),
  recipe: z.object({ epochs: z.number(), batchSize: z.number(), latent: z.number(), optimizer: z.object({}) }),
  conditional: z.object({ encoder: z.boolean(), decoder: z.boolean() }),
  build: z.custom<ModelDefinition['build']>((value) => typeof value === 'function', 'expected a function'),
});

/** Whether a model is given by its file: there is a slash, or an extension of TypeScript or JavaScript. */
export const isModelFile = (spec: string): boolean => /[\\/]|\.[cm]?[jt]s$/.test(spec);

/**
 * Finds a model by its name, or by the path of its file, which is run.
 * @throws InputError when there is no such model or file, or the file defines no model
 */
export async function findModel(spec: string, known = models): Promise<FoundModel> {
  if (isModelFile(spec)) return { model: await modelOf(spec), file: resolve(spec) };
  const model = Object.hasOwn(known, spec) ? known[spec] : undefined;
  if (model) return { model };
  throw new InputError(
    `there is no model '${spec}'; there is ${Object.keys(known).join(', ')}, see \`convae models\`; a model of your own is given by its file (./${spec}.ts)`,
  );
}

/** @throws InputError */
async function modelOf(path: string): Promise<ModelDefinition> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new InputError(`${path}: there is no such file; give a file that defines a model`);
  if (!found.isFile()) {
    throw new InputError(
      `${path}: expected a model, found a folder; name a model such as cae, and pass images with --data`,
    );
  }
  const exported = await load(path);
  const candidates = 'default' in exported ? [exported.default] : Object.values(exported);
  const checked = candidates.map((candidate) => definition.safeParse(candidate));
  const good = candidates.filter((_, i) => checked[i]?.success);
  if (good.length === 1) return good[0] as ModelDefinition;
  const [problem] = checked.flatMap(({ error }) => error?.issues ?? []);
  const reason =
    good.length > 1
      ? `it exports ${good.length} models`
      : candidates.length === 1 && problem
        ? `${problem.path.join('.') || 'what it exports'}: ${problem.message}`
        : 'it exports no model';
  throw new InputError(
    `${path}: ${reason}; export one ModelDefinition as default (models/cae.ts of convae is an example)`,
  );
}

/** Compiles a file, together with those that it imports by relative paths, and imports it. */
async function load(path: string): Promise<Record<string, unknown>> {
  try {
    const { build } = await import('esbuild');
    const { outputFiles } = await build({
      entryPoints: [resolve(path)],
      outdir: dirname(resolve(path)),
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      conditions: [], // Node's own, without esbuild's `module`
      define: { 'import.meta.url': JSON.stringify(pathToFileURL(resolve(path)).href) },
      sourcemap: 'inline',
      plugins: [packages],
      logLevel: 'silent',
    });
    return await importCode(outputFiles[0]?.contents ?? new Uint8Array());
  } catch (cause) {
    if (cause instanceof EnvironmentError) throw cause;
    const reason = `${path}: it cannot be loaded (${reasonOf(cause)})`;
    throw new InputError(`${reason}; models/cae.ts of convae is an example`, { cause });
  }
}

/** Modules by the hash of their code: code that is imported again is the same module. */
const imported = new Map<string, Promise<Record<string, unknown>>>();

/** Imports code from a temporary file, since lines of errors are found in the source of files only. */
function importCode(code: Uint8Array): Promise<Record<string, unknown>> {
  const key = sha256(code);
  const work = async () => {
    const folder = await temporaryFolder();
    try {
      const file = join(folder, 'model.mjs');
      await writeFile(file, code);
      process.setSourceMapsEnabled(true);
      return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  const found = imported.get(key) ?? work();
  imported.set(key, found);
  return found;
}

async function temporaryFolder(): Promise<string> {
  const folder = tmpdir();
  return mkdtemp(join(folder, 'convae-')).catch((cause: unknown) => {
    const { message } = fileError(cause, `cannot write to the temporary folder ${folder}`) as Error;
    throw new EnvironmentError(`${message}, or set TMPDIR to another`, { cause });
  });
}

/** The first line of an error, with its place in the source. */
function reasonOf(cause: unknown): string {
  const { errors: [error] = [], message = String(cause), stack = '' } = Object(cause) as Partial<BuildFailure>;
  if (error?.location) return `${error.location.file}:${error.location.line}: ${error.text}`;
  const [, line] = /:(\d+):\d+\)?$/m.exec(stack) ?? [];
  return `${message.split('\n', 1)[0]}${line ? `, line ${line}` : ''}`;
}

/** Packages that models must import from convae's own copy: two copies of tfjs reject each other's tensors. */
const SHARED = /^(convae|tfjs-to-onnx|@tensorflow\/[^/]+)(\/|$)/;
const KIT = new URL(`../../models/kit${moduleExtension}`, import.meta.url).href;

/** Turns the names of packages into URLs, since the compiled file is elsewhere: next to the model's file, else convae's. */
const packages: Plugin = {
  name: 'packages',
  setup: ({ onResolve, resolve: find }) =>
    onResolve({ filter: /^[^./#]/ }, async ({ path, pluginData, ...from }) => {
      if (from.kind === 'entry-point' || isBuiltin(path) || pluginData === packages) return undefined;
      if (path === 'convae/models') return { path: KIT, external: true };
      const found = SHARED.test(path) ? undefined : await find(path, { ...from, pluginData: packages });
      if (found?.errors.length === 0) return { path: pathToFileURL(found.path).href, external: true };
      try {
        return { path: import.meta.resolve(path), external: true };
      } catch {
        return { errors: [{ text: `cannot find package '${path}'` }] };
      }
    }),
};
