import type { Form } from '../../forms.ts';
import { sameShape } from '../../ir.ts';
import { elementwise } from '../../kernels/elementwise.ts';
import { ELEMENTWISE } from '../../passes/group-updates.ts';
import { inputsOf, type Tape, type TapeValue } from '../../tape.ts';
import type { Target } from '../target.ts';
import { blockedConv } from './conv.ts';
import { blockedForms } from './forms.ts';
import { transposedConv } from './transposed.ts';

/**
 * Lowering for ONNX Runtime on a CPU: convolutions in all directions by its blocked kernels (domain
 * `com.microsoft.nchwc`), which it otherwise uses for constant weights only. Such a graph is tied to the machine's
 * vector width: for training, never for export.
 * @param block floats in a vector register: 16 with AVX-512, 8 with AVX2
 */
export function cpu(block: number): Target {
  const forms = blockedForms(block);
  const conv = blockedConv(forms);
  const transposed = transposedConv(forms);
  return {
    name: `cpu${block}`,
    overrides: {
      Conv2D: ({ x, filter }, attrs) => conv.conv2d(x, filter, undefined, attrs),
      FusedConv2D: ({ x, filter, bias }, attrs) => conv.conv2d(x, filter, bias, attrs),
      Conv2DBackpropInput: ({ dy, filter, bias }, attrs) => transposed(dy, filter, bias, attrs),
      // 0 or 1 in one pass: any float above 0 times the largest one is at least 1.
      Step: ({ x }, { alpha }) =>
        alpha === 0 && x.dtype === 'float32'
          ? elementwise([x], ([ref], g) => g.HardSigmoid(ref, { alpha: LARGEST_FLOAT, beta: 0 }))
          : undefined,
      Conv2DBackpropFilter: ({ x, dy }, attrs) => conv.conv2dBackpropFilter(x, dy, attrs),
    },
    formsOfVariables: (tape) =>
      kernelVariables(
        tape,
        forms.kernel,
        (outputs, inputs) => outputs % block === 0 && (inputs % block === 0 || inputs < block),
      ),
  };
}

const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127;

/**
 * Kernels, and whatever is combined with their gradients elementwise (an optimizer's slots), stay blocked between
 * steps: then an update changes no layout.
 */
function kernelVariables(
  tape: Tape,
  form: Form,
  fits: (outputs: number, inputs: number) => boolean,
): Map<TapeValue, Form> {
  const parent = new Map<TapeValue, TapeValue>();
  const find = (value: TapeValue): TapeValue => {
    const up = parent.get(value);
    return up === undefined ? value : find(up);
  };
  const join = (a: TapeValue, b: TapeValue) => {
    if (find(a) !== find(b)) parent.set(find(a), find(b));
  };
  const kernels: TapeValue[] = [];
  for (const op of tape.ops) {
    const [output] = op.outputs;
    // A list of inputs has a `filter` too, but it is a method.
    const filter = Array.isArray(op.inputs) ? undefined : (op.inputs as Readonly<Record<string, TapeValue>>).filter;
    if (filter) kernels.push(filter);
    if (!output || !ELEMENTWISE.has(op.kernel)) continue;
    for (const input of inputsOf(op)) if (sameShape(input.shape, output.shape)) join(input, output);
  }
  const classes = new Set(kernels.filter(({ shape: [, , i = 0, o = 0] }) => fits(o, i)).map(find));
  return new Map(tape.variables.filter((variable) => classes.has(find(variable))).map((variable) => [variable, form]));
}
