import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/model.ts';
import { InputError } from '../errors.ts';

/** @throws InputError when there is no model of that name */
export function modelNamed(name: string): ModelDefinition {
  const model = Object.hasOwn(models, name) ? models[name] : undefined;
  if (model) return model;
  throw new InputError(
    `there is no model '${name}'; there is ${Object.keys(models).join(', ')}, see \`convae models\` (or add a file to models/)`,
  );
}
