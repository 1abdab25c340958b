import { createHash } from 'node:crypto';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';
import { z } from 'zod';
import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { InputError } from '../io/errors.ts';

/** A model, and the file that defines it where it is not one of convae's own. */
export interface FoundModel {
  readonly model: ModelDefinition;
  /** Absolute path. */
  readonly file?: string | undefined;
}

const root = resolve(import.meta.dirname, '../..');
const KIT = pathToFileURL(join(root, 'models', 'kit.ts')).href;
/** Inside node_modules, so that a model's file may lie anywhere and import the packages that are installed here. */
const COMPILED = join(root, 'node_modules', '.cache', 'convae');

/** Enough of a ModelDefinition to tell it from anything else; what is in `recipe` is checked where a run is planned. */
const definition = z.object({
  name: z.string().regex(/^[\w.-]+$/),
  summary: z.string(),
  pixelLoss: z.enum(['binary cross-entropy', 'mean squared error']),
  recipe: z.object({ epochs: z.number(), batchSize: z.number(), latent: z.number(), optimizer: z.object({}) }),
  conditional: z.object({ encoder: z.boolean(), decoder: z.boolean() }),
  build: z.custom<ModelDefinition['build']>((value) => typeof value === 'function', 'expected a function'),
});

/**
 * The model of a name, or of a file (one with a slash or an ending of TypeScript or JavaScript in its name).
 * @throws InputError when there is no such model or file, or the file defines no model
 */
export async function findModel(
  spec: string,
  known: Readonly<Record<string, ModelDefinition>> = models,
): Promise<FoundModel> {
  if (/[\\/]|\.[cm]?[jt]s$/.test(spec)) return { model: await modelOf(spec), file: resolve(spec) };
  const model = Object.hasOwn(known, spec) ? known[spec] : undefined;
  if (model) return { model };
  throw new InputError(
    `there is no model '${spec}'; there is ${Object.keys(known).join(', ')}, see \`convae models\`; a model of your own is given by its file (./${spec}.ts)`,
  );
}

/** @throws InputError */
async function modelOf(path: string): Promise<ModelDefinition> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) throw new InputError(`${path}: there is no such file; give a file that defines a model`);
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

/** Compiles a file together with those that it imports by relative paths, and imports it. */
async function load(path: string): Promise<Record<string, unknown>> {
  try {
    const { build } = await import('esbuild');
    const { outputFiles } = await build({
      entryPoints: [resolve(path)],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      plugins: [kit],
      logLevel: 'silent',
    });
    const code = outputFiles[0]?.contents ?? new Uint8Array();
    const file = join(COMPILED, `model-${createHash('sha256').update(code).digest('hex').slice(0, 16)}.mjs`);
    await mkdir(COMPILED, { recursive: true });
    await writeFile(`${file}.${process.pid}`, code);
    await rename(`${file}.${process.pid}`, file);
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const [line] = (cause instanceof Error ? cause.message : String(cause))
      .split('\n')
      .filter((text) => !/^Build failed/.test(text));
    throw new InputError(`${path}: it cannot be loaded (${line?.trim()}); see models/cae.ts of convae for an example`, {
      cause,
    });
  }
}

const kit: Plugin = {
  name: 'convae/models',
  setup({ onResolve }) {
    onResolve({ filter: /^convae\/models$/ }, () => ({ path: KIT, external: true }));
  },
};
