import { type Shape, sameShape } from '../../ir.ts';
import { elementwise } from '../../kernels/elementwise.ts';
import type { WindowAttrs } from '../../kernels/window.ts';
import { ELEMENTWISE } from '../../passes/group-updates.ts';
import { inputsOf, type Tape, type TapeValue } from '../../tape.ts';
import type { Target } from '../target.ts';
import { blockedConv } from './conv.ts';
import { blockedForms } from './forms.ts';
import { markPhases, type Phased } from './mark-phases.ts';
import { transposedConv } from './transposed.ts';

/**
 * Lowering for ONNX Runtime on a CPU: convolutions in all directions by its blocked kernels (domain
 * `com.microsoft.nchwc`), which it otherwise uses for constant weights only. Such a graph is tied to the machine's
 * vector width: for training, never for export.
 * @param block floats in a vector register: 16 with AVX-512, 8 with AVX2
 */
export function cpu(block: number): Target {
  const forms = blockedForms(block);
  const { fits, conv2d, conv2dBackpropFilter, ...conv } = blockedConv(forms);
  const { conv2dBackpropInput, ...transposed } = transposedConv(forms);
  const phased: Phased = {
    gives: ({ kernel, inputs, attrs }) => {
      const [{ x, filter }, window] = [inputs as Record<string, TapeValue>, attrs as unknown as GivenWindow];
      if (!filter) return false;
      if (kernel === 'Conv2DBackpropInput') return transposed.givesPhases(filter.shape, window);
      return x !== undefined && FORWARD.has(kernel) && conv.givesPhases(x.shape, filter.shape, window);
    },
    takes: ({ kernel, inputs, attrs }) => {
      const [{ x, filter }, window] = [inputs as Record<string, TapeValue>, attrs as unknown as GivenWindow];
      return x && filter && FORWARD.has(kernel) && conv.takesPhases(x.shape, filter.shape, window) ? x : undefined;
    },
  };
  return {
    name: `cpu${block}`,
    overrides: {
      Conv2D: conv2d,
      FusedConv2D: conv2d,
      Conv2DBackpropInput: conv2dBackpropInput,
      Conv2DBackpropFilter: conv2dBackpropFilter,
      // 0 or 1 in one pass: any float above 0 times the largest one is at least 1.
      Step: ({ x }, { alpha }) =>
        alpha === 0 && x.dtype === 'float32'
          ? elementwise([x], ([ref], g) => g.HardSigmoid(ref, { alpha: LARGEST_FLOAT, beta: 0 }))
          : undefined,
    },
    mark: (tape) => markPhases(tape, phased),
    formsOfVariables: (tape) => new Map(kernelVariables(tape, fits).map((variable) => [variable, forms.kernel])),
  };
}

type GivenWindow = WindowAttrs & { readonly inputShape: Shape };

const FORWARD: ReadonlySet<string> = new Set(['Conv2D', 'FusedConv2D']);

const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127;

/**
 * Kernels, and all variables that are combined with their gradients elementwise (an optimizer's slots), stay blocked
 * between steps: then an update changes no form.
 */
function kernelVariables(tape: Tape, fits: (inputs: number, outputs: number) => boolean): TapeValue[] {
  const kernels = tape.ops.flatMap(({ inputs }) => {
    // A list of inputs has a `filter` too, but it is a method.
    const filter = Array.isArray(inputs) ? undefined : (inputs as Readonly<Record<string, TapeValue>>).filter;
    return filter ? [filter] : [];
  });
  const blocked = new Set(kernels.filter(({ shape: [, , i = 0, o = 0] }) => fits(i, o)));
  const combined = tape.ops
    .filter(({ kernel }) => ELEMENTWISE.has(kernel))
    .map((op) =>
      [...op.outputs, ...inputsOf(op)].filter(({ shape }, _, [output]) => sameShape(shape, output?.shape ?? [])),
    );
  for (let before = -1; before < blocked.size; ) {
    before = blocked.size;
    const reached = combined.filter((values) => values.some((value) => blocked.has(value)));
    for (const value of reached.flat()) blocked.add(value);
  }
  return tape.variables.filter((variable) => blocked.has(variable));
}
