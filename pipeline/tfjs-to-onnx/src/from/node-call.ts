import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs-core';

/** A node with its inputs, as tfjs-converter gives it to a registered operation. */
export interface Call {
  readonly inputs: Tensor[];
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly node: {
    readonly name: string;
    readonly op: string;
    readonly attrParams: Readonly<Record<string, { readonly value?: unknown }>>;
  };
  readonly context: { readonly functionMap: Readonly<Record<string, GraphFunction>> } & Lists;
}

/** A function of a GraphModel. */
export interface GraphFunction {
  readonly inputs: readonly { readonly name: string }[];
  readonly outputNodes: string[];
  execute(inputs: NamedTensorMap, outputs: string[]): Tensor[];
  executeFunctionAsync(inputs: Tensor[], arrays: unknown, lists: unknown): Promise<Tensor[]>;
}

interface Lists {
  readonly tensorArrayMap: unknown;
  readonly tensorListMap: unknown;
}

/** The number that a scalar is, where it does not depend on the model's inputs. */
export function knownNumber(x: Tensor): number | undefined {
  try {
    return x.dataSync()[0];
  } catch {
    return undefined;
  }
}
