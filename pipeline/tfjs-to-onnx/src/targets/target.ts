import type { Form } from '../forms.ts';
import type { Rule } from '../kernels/index.ts';
import type { KernelName } from '../kernels.ts';
import type { Tape, TapeValue } from '../tape.ts';

/** Rules that are tried before those of the table; one that does not apply to a call returns undefined. */
export type Overrides = {
  readonly [K in KernelName]?: (...args: Parameters<Rule<K>>) => ReturnType<Rule<K>> | undefined;
};

/** What a graph is lowered for. */
export interface Target {
  readonly name: string;
  readonly overrides: Overrides;
  /** The forms in which variables live between runs; plain where nothing is said. */
  formsOfVariables(tape: Tape): ReadonlyMap<TapeValue, Form>;
}

/** Standard ONNX operators only: runs wherever ONNX does. */
export const portable: Target = { name: 'portable', overrides: {}, formsOfVariables: () => new Map() };
