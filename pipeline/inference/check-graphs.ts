import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Card, volume } from '../artifacts/card.ts';
import { InputError, withFileErrors } from '../io/errors.ts';
import { printable } from '../io/printable.ts';
import { type OnnxFile, type Port, readOnnx } from './onnx-file.ts';

/** Numbers of an image or a latent, at most: 512 MiB as float32. */
const MOST_NUMBERS = 2 ** 27;

type Expected = Required<Port>;

/**
 * Compares a model's files with its card: opset, inputs and outputs with their types and shapes. The files of somebody else's
 * model, or a card that was changed, need not suit each other.
 * @param without a file that is not looked at
 * @throws InputError that names the difference
 */
export async function checkGraphs(folder: string, card: Card, without?: 'decoder.onnx'): Promise<void> {
  const { image, latent, conditional, clusters, model, opset } = card;
  const pixels = [image.height, image.width, image.channels];
  for (const [what, count] of [['image', volume(pixels)] as const, ['latent', latent.size] as const]) {
    if (count <= MOST_NUMBERS) continue;
    throw new InputError(
      `${join(folder, 'card.json')}: its ${what} has ${count} numbers, more than ${MOST_NUMBERS}, which is too many`,
    );
  }
  const label = (takes: boolean): Expected[] => (takes ? [{ name: 'label', type: 'int32', shape: ['N'] }] : []);
  const code = (name: string): Expected => ({ name, type: 'float32', shape: ['N', latent.size] });
  await checkFile(join(folder, 'encoder.onnx'), opset, {
    inputs: [{ name: 'image', type: 'uint8', shape: ['N', ...pixels] }, ...label(conditional.encoder)],
    outputs: [
      code('latent'),
      ...(model.variational ? [code('logvar')] : []),
      ...(clusters ? [{ name: 'cluster', type: 'float32', shape: ['N', clusters.count] }] : []),
    ],
    optional: code('logvar'), // older cards do not say whether the model is variational
  });
  if (without) return;
  await checkFile(join(folder, 'decoder.onnx'), opset, {
    inputs: [code('latent'), ...label(conditional.decoder)],
    outputs: [{ name: 'image', type: 'float32', shape: ['N', ...pixels] }],
  });
}

interface Ports {
  readonly inputs: readonly Expected[];
  readonly outputs: readonly Expected[];
  /** An output that may be there. */
  readonly optional?: Expected;
}

async function checkFile(path: string, opset: number, { inputs, outputs, optional }: Ports): Promise<void> {
  const refused = (what: string) => new InputError(`${path}: ${what}; export the model again`);
  const bytes = await withFileErrors(`cannot read ${path}`, () => readFile(path));
  let found: OnnxFile;
  try {
    found = readOnnx(bytes);
  } catch (error) {
    throw refused(`it is no ONNX file (${printable(String((error as Error).message))})`);
  }
  const [other] = found.otherFiles;
  if (other !== undefined) {
    throw refused(`some of its weights are in another file, ${printable(other)}, which card.json does not cover`);
  }
  if (found.opset !== opset) throw refused(`it is of opset ${found.opset ?? 'unknown'}, and card.json says ${opset}`);
  const surplus = found.inputs.find(({ name }) => inputs.every((input) => input.name !== name));
  if (surplus) throw refused(`it takes an input ${printable(surplus.name)}, of which card.json does not know`);
  for (const [kind, expected] of [
    ...inputs.map((input) => ['input', input] as const),
    ...outputs.map((output) => ['output', output] as const),
    ...(optional && found.outputs.some(({ name }) => name === optional.name) ? [['output', optional] as const] : []),
  ]) {
    const port = found[`${kind}s`].find(({ name }) => name === expected.name);
    const said = `card.json says ${describe(expected)}`;
    if (!port) throw refused(`it has no ${kind} ${expected.name}, ${said}`);
    if (!fits(port, expected)) throw refused(`its ${kind} ${port.name} is ${describe(port)}, ${said}`);
  }
}

/** Whether a port has the type and, as far as the file says, the shape. Batches of any size are always expected. */
const fits = ({ type, shape }: Port, expected: Expected): boolean =>
  type === expected.type &&
  (shape === undefined ||
    (shape.length === expected.shape?.length &&
      shape.every((side, axis) => typeof side === 'string' || side === expected.shape?.[axis])));

/** `float32 [N, 64]` */
const describe = ({ type, shape }: Port): string =>
  `${type ?? 'no tensor'} ${shape ? `[${printable(shape.join(', '))}]` : 'of any shape'}`;
