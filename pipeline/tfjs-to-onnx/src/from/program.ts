import type { DataType, Tensor } from '@tensorflow/tfjs-core';

/** An input as a model declares it; null where any size will do, undefined where any number of axes will. */
export interface Port {
  readonly name: string;
  readonly shape: readonly (number | null)[] | undefined;
  readonly dtype: DataType;
}

/** A model as a function of tensors by name. */
export interface ModelProgram<Result = Outputs | Promise<Outputs>> {
  readonly name: string;
  readonly inputs: readonly Port[];
  run(given: Readonly<Record<string, Tensor>>): Result;
}

export type Outputs = Readonly<Record<string, Tensor>>;

/** Makes another program of one that is to be traced. */
export type ProgramChange = <Result extends Outputs | Promise<Outputs>>(
  program: ModelProgram<Result>,
) => ModelProgram<Result>;

/** Names that are all different and none of `taken`: `lstm`, `lstm_1` … */
export function uniqueNames(names: readonly string[], taken: readonly string[]): string[] {
  const used = new Set(taken);
  return names.map((name) => {
    const base = taken.includes(name) ? `${name}_out` : name;
    let unique = base;
    for (let i = 1; used.has(unique) || (unique !== name && names.includes(unique)); i++) unique = `${base}_${i}`;
    used.add(unique);
    return unique;
  });
}
