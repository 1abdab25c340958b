import { cae, convAe, dcec } from './cae.ts';
import { cae2, caeTsne } from './cae2.ts';
import type { ModelDefinition } from './kit.ts';
import { resae, resvae } from './res.ts';
import { ccvae, ccvaeDecoder, cvae } from './vae.ts';

const list: readonly ModelDefinition[] = [convAe, dcec, cae, cae2, caeTsne, cvae, ccvaeDecoder, ccvae, resae, resvae];

/** Every built-in model by name. A new model is a file and a row here. */
export const models: Readonly<Record<string, ModelDefinition>> = Object.fromEntries(
  list.map((model) => [model.name, model]),
);
