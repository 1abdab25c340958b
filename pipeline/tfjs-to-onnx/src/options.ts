import { parseArgs } from 'node:util';
import { Failure } from './failure.ts';
import { OPSETS } from './opset.ts';

export const USAGE = `tfjs-to-onnx MODEL.json OUT.onnx [options]

Converts a TensorFlow.js model (model.json and its files of weights) to an ONNX file: a layers model, or a GraphModel
(needs @tensorflow/tfjs-converter).

  --shape NAME=1,224,224,3   the shape of an input that the model leaves open; may be repeated
                             (NAME= for a single number)
  --value NAME=0.5           what an input always is: a number, or a list of them; may be repeated
  --dynamic NAME=AXIS,...    axes of an input that stay open, beside the batch; may be repeated
  --nchw-inputs              images come as [N, C, H, W] instead of [N, H, W, C]
  --float16                  store the weights as float16, in half the space; the graph computes in float32
  --opset NUMBER             the operator set, ${OPSETS.lowest} to ${OPSETS.highest} (default 18)
  --check NUMBER             compare with tfjs on so many random inputs, and on zeros (default 1; 0: do not);
                             nothing is written where they differ (needs onnxruntime-node)
  --tolerance NUMBER         the largest difference, in proportion to an output's largest number
                             (default 1e-4; 1e-2 with --float16, or where rounding moves tfjs's own numbers so far)
  --register FILE.js         a file that registers layers or operations that tfjs does not have; may be repeated
  --print                    print the graph as text; OUT.onnx may then be left out
  --json                     print a summary as JSON
  --version                  print the version
  --help                     print this

Exit codes: 0 done, 2 the input is wrong, 3 the machine failed (disk, missing package).
`;

/** The command line, parsed. */
export interface Options {
  readonly model: string;
  readonly out: string | undefined;
  readonly shapes: Readonly<Record<string, number[]>>;
  readonly values: Readonly<Record<string, number[]>>;
  readonly dynamic: Readonly<Record<string, number[]>>;
  readonly nchwInputs: boolean;
  readonly float16: boolean;
  readonly opset: number | undefined;
  /** Undefined where it was left open. */
  readonly check: number | undefined;
  readonly tolerance: number;
  /** Whether what rounding alone makes of tfjs's own numbers is tolerated too: unless a tolerance was given. */
  readonly toleratesRounding: boolean;
  readonly register: readonly string[];
  readonly print: boolean;
  readonly json: boolean;
}

/**
 * Parses the arguments; `--help` and `--version` are answered with their names.
 * @throws Failure naming the argument that is wrong
 */
export function parse(args: readonly string[]): Options | 'help' | 'version' {
  const { values, positionals } = parsed(args);
  if (values.help) return 'help';
  if (values.version) return 'version';
  const [model, out, ...rest] = positionals;
  if (!model || (!out && !values.print) || rest.length > 0) {
    throw new Failure('a MODEL.json and an OUT.onnx were expected (see tfjs-to-onnx --help)');
  }
  const { float16, register = [], print, json } = values;
  return {
    model,
    out,
    shapes: named('--shape', values.shape, '1,224,224,3', (size) => Number.isSafeInteger(size) && size > 0, true),
    values: named('--value', values.value, '0.5', Number.isFinite),
    dynamic: named('--dynamic', values.dynamic, '1,2', (axis) => Number.isSafeInteger(axis) && axis >= 0),
    nchwInputs: values['nchw-inputs'],
    float16,
    opset: number('--opset', values.opset, Number.isInteger),
    check: number('--check', values.check, Number.isInteger),
    tolerance: number('--tolerance', values.tolerance, Number.isFinite) ?? (float16 ? 1e-2 : 1e-4),
    toleratesRounding: values.tolerance === undefined,
    register,
    print,
    json,
  };
}

function parsed(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  const [text, list] = [{ type: 'string' }, { type: 'string', multiple: true }] as const;
  const options = {
    shape: list,
    value: list,
    dynamic: list,
    'nchw-inputs': flag,
    float16: flag,
    opset: text,
    check: text,
    tolerance: text,
    register: list,
    print: flag,
    json: flag,
    version: flag,
    help: { ...flag, short: 'h' },
  } as const;
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new Failure(`${(error as Error).message.split('.', 1)[0]} (see tfjs-to-onnx --help)`);
  }
}

function number(option: string, text: string | undefined, isRight: (value: number) => boolean): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!isRight(value) || value < 0) throw new Failure(`${option} ${text}: a number from 0 was expected`);
  return value;
}

/** Lists of numbers by the names before them. A name may contain `=`. */
function named(
  option: string,
  texts: readonly string[] = [],
  example: string,
  isRight: (value: number) => boolean,
  mayBeEmpty = false,
): Record<string, number[]> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, list = ''] = /^(.+)=([^=]*)$/.exec(text) ?? [];
      const parts = list === '' && mayBeEmpty ? [] : list.split(',');
      const numbers = parts.map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
      if (!name || !numbers.every(isRight)) throw new Failure(`${option} ${text}: NAME=${example} was expected`);
      return [name, numbers];
    }),
  );
}
