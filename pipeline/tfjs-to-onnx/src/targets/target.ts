import type { Form } from '../forms.ts';
import type { KernelName, Kernels } from '../kernels/index.ts';
import type { Tape, TapeValue } from '../tape.ts';

/** Rules that are tried before those of the table; one that does not apply to a call returns undefined. */
export type Overrides = {
  readonly [K in KernelName]?: (...args: Parameters<Kernels[K]>) => ReturnType<Kernels[K]> | undefined;
};

/** The kind of runtime that a graph is lowered for. */
export interface Target {
  readonly name: string;
  readonly overrides: Overrides;
  /** Marks calls, by attributes, for the rules of this target. */
  mark?(tape: Tape): Tape;
  /** The forms of variables between runs; plain by default. */
  formsOfVariables(tape: Tape): ReadonlyMap<TapeValue, Form>;
}

/** Standard ONNX operators only: runs wherever ONNX does. */
export const portable: Target = { name: 'portable', overrides: {}, formsOfVariables: () => new Map() };
