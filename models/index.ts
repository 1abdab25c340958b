import { cae } from './cae.ts';
import { caeTsne } from './cae-tsne.ts';
import { cae2 } from './cae2.ts';
import { ccvae } from './ccvae.ts';
import { ccvaeDecoder } from './ccvae-decoder.ts';
import { convAe } from './conv-ae.ts';
import { cvae } from './cvae.ts';
import type { ModelDefinition } from './model.ts';

const list: readonly ModelDefinition[] = [convAe, cae, cae2, caeTsne, cvae, ccvaeDecoder, ccvae];

/** Every model that convae knows, by name. A new model is a file and a row here. */
export const models: Readonly<Record<string, ModelDefinition>> = Object.fromEntries(
  list.map((model) => [model.name, model]),
);
