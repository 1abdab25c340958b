import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  TensorProto_DataLocation as Location,
  type ModelProto,
  ModelProtoSchema,
  TensorProto_DataType as Type,
  type ValueInfoProto,
} from 'onnx-buf';
import { test } from 'vitest';
import type { Card } from '../../pipeline/artifacts/card.ts';
import { defineDataset } from '../../pipeline/data/dataset.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { withSessions } from '../../pipeline/inference/sessions.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';
import { exportTiny, type TinyOptions, writeTinyCard } from '../encode/tiny-model.ts';
import { changeCard } from '../site/support.ts';

const scratch = scratchFolder();
let count = 0;

type Change = (model: ModelProto & { graph: NonNullable<ModelProto['graph']> }) => void;

/** An exported model one of whose files was replaced by another, with a card that has the digest of that file. */
async function foreign(part: 'encoder' | 'decoder', change: Change, options: TinyOptions = {}): Promise<string> {
  const folder = await exportTiny(scratch(`model-${count++}`), options);
  const path = join(folder, `${part}.onnx`);
  const model = fromBinary(ModelProtoSchema, readFileSync(path));
  change(model as Parameters<Change>[0]);
  writeFileSync(path, toBinary(ModelProtoSchema, model));
  await writeTinyCard(folder, options);
  return folder;
}

/** The type of an input or output, which is a tensor with a shape. */
function tensorOf(port: ValueInfoProto | undefined) {
  const value = port?.type?.value;
  if (value?.case !== 'tensorType' || !value.value.shape) throw new Error('no tensor');
  const { shape } = value.value;
  return Object.assign(value.value, { shape });
}

/** Replaces one side of a shape. */
const setSide = (port: ValueInfoProto | undefined, axis: number, side: number) => {
  const dimension = tensorOf(port).shape.dim[axis];
  if (dimension) dimension.value = { case: 'dimValue', value: BigInt(side) };
};

const classes = { conditional: { encoder: true, decoder: true }, classes: ['a', 'b'] };
const CASES: readonly [string, 'encoder' | 'decoder', Change, TinyOptions, readonly string[]][] = [
  [
    'an image of another size',
    'encoder',
    ({ graph }) => setSide(graph.input[0], 1, 7),
    {},
    ['input image', 'uint8 [N, 7, 3, 1]', 'card.json', 'uint8 [N, 2, 3, 1]'],
  ],
  [
    'a fixed batch',
    'encoder',
    ({ graph }) => setSide(graph.input[0], 0, 1),
    {},
    ['input image', 'uint8 [1, 2, 3, 1]', 'uint8 [N, 2, 3, 1]'],
  ],
  [
    'another type',
    'decoder',
    ({ graph }) => {
      tensorOf(graph.input[0]).elemType = Type.DOUBLE;
    },
    {},
    ['input latent', 'float64 [N, 2]', 'float32 [N, 2]'],
  ],
  [
    'another rank',
    'encoder',
    ({ graph }) => {
      tensorOf(graph.output[0]).shape.dim.pop();
    },
    {},
    ['output latent', 'float32 [N]', 'float32 [N, 2]'],
  ],
  [
    'no output',
    'decoder',
    ({ graph }) => {
      if (graph.output[0]) graph.output[0].name = 'picture';
    },
    {},
    ['no output image', 'float32 [N, 2, 3, 1]'],
  ],
  [
    'an input more',
    'decoder',
    ({ graph }) => {
      if (graph.input[1]) graph.input[1].name = 'cla\u001b[31mss';
    },
    classes,
    ['input cla\\x1b[31mss', 'card.json'],
  ],
  ['no label', 'encoder', ({ graph }) => void graph.input.pop(), classes, ['no input label', 'int32 [N]']],
  [
    'another opset',
    'encoder',
    ({ opsetImport }) => {
      if (opsetImport[0]) opsetImport[0].version = 99n;
    },
    {},
    ['opset 99', '17'],
  ],
  [
    'weights in another file',
    'encoder',
    ({ graph }) => {
      const weights = graph.initializer.find(({ name }) => name === 'weights');
      Object.assign(weights ?? {}, {
        dataLocation: Location.EXTERNAL,
        externalData: [{ $typeName: 'onnx.StringStringEntryProto', key: 'location', value: '../../etc/passwd' }],
      });
    },
    {},
    ['another file', '../../etc/passwd'],
  ],
];

test.each(CASES)('a file with %s is refused', async (_, part, change, options, facts) => {
  const folder = await foreign(part, change, options);
  expectFacts(await inputErrorOf(openExported(folder)), join(folder, `${part}.onnx`), ...facts);
});

const CARDS: readonly [string, (card: Card) => Partial<Card>, readonly string[]][] = [
  ['a variational model', ({ model }) => ({ model: { ...model, variational: true } }), ['no output logvar']],
  [
    'another latent',
    ({ latent: { statistics: s } }) => ({ latent: { size: 3, statistics: { ...s, ...threes } } }),
    ['latent', '[N, 2]', '[N, 3]'],
  ],
  [
    'another size of prepared images',
    ({ image }) => ({
      preprocessing: { ...image, height: 2 ** 31, fit: 'cover', background: '#000000', scalings: [] },
    }),
    ['card.json', 'preprocessing'],
  ],
  ['huge images', ({ image }) => ({ image: { ...image, height: 2 ** 30, width: 2 ** 20 } }), ['card.json', 'too many']],
];
const threes = Object.fromEntries(['mean', 'std', 'min', 'max'].map((name) => [name, [0, 0, 0]])) as {
  [name in 'mean' | 'std' | 'min' | 'max']: number[];
};

test.each(CARDS)('a card with %s is refused', async (_, change, facts) => {
  const folder = await exportTiny(scratch(`card-${count++}`));
  changeCard(folder, change(JSON.parse(readFileSync(join(folder, 'card.json'), 'utf8')) as Card));
  expectFacts(await inputErrorOf(openExported(folder)), ...facts);
});

test('what is no ONNX file is refused, at any length', async () => {
  const folder = await exportTiny(scratch('damaged'));
  const path = join(folder, 'encoder.onnx');
  const whole = readFileSync(path);
  for (const bytes of [Buffer.from('no model'), whole.subarray(0, 40), Buffer.alloc(9000, 0x0b)]) {
    writeFileSync(path, bytes);
    await writeTinyCard(folder);
    expectFacts(await inputErrorOf(openExported(folder)), path);
  }
});

const images = defineDataset({
  name: 'zeros',
  shape: { height: 2, width: 3, channels: 1 },
  length: 4,
  labels: undefined,
  classes: undefined,
  id: String,
  read: async () => {},
  close: async () => {},
});
const running = async (folder: string) => {
  const options = { graphs: ['encoder'], device: 'cpu', threads: 1, images: 4 } as const;
  return withSessions(await openExported(folder), options, (sessions) => sessions.encodeAll(images));
};

test('a model that ONNX Runtime cannot load or run is refused as input', async () => {
  const unknown = await foreign('encoder', ({ graph }) => {
    if (graph.node[0]) graph.node[0].opType = 'Teleport';
  });
  const other = await foreign('encoder', ({ graph }) => {
    // The weights are transposed: the product has no shape.
    const weights = graph.initializer.find(({ name }) => name === 'weights');
    weights?.dims.reverse();
    const flat = graph.node.find(({ opType }) => opType === 'Flatten');
    if (flat) flat.opType = 'Identity';
  });
  const wider = await foreign('encoder', ({ graph }) => {
    // Its output is of another shape than it declares.
    const weights = graph.initializer.find(({ name }) => name === 'weights');
    if (weights) Object.assign(weights, { dims: [6n, 4n], floatData: Array(24).fill(1) });
  });
  for (const folder of [unknown, other, wider]) {
    expectFacts(await inputErrorOf(running(folder)), join(folder, 'encoder.onnx'), 'ONNX Runtime cannot');
  }
});
