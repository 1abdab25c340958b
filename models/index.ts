import { cae } from './cae.ts';
import type { ModelDefinition } from './model.ts';

/** Every model that convae knows, by name. A new model is a file and a row here. */
export const models: Readonly<Record<string, ModelDefinition>> = Object.fromEntries(
  [cae].map((model) => [model.name, model]),
);
