import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TensorProto_DataType as Type,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { Card } from '../../pipeline/artifacts/card.ts';
import { writeCard } from '../../pipeline/artifacts/exported.ts';
import { fileDigest } from '../../pipeline/io/digest.ts';

/** Images of 2 × 3 pixels and latents of size 2, small enough to compute by hand. */
export const tiny = { height: 2, width: 3, channels: 1, pixels: 6, size: 2 } as const;

/** `[6, 2]`: latent = image / 255 × encoderWeights (+ label, where conditional). */
export const encoderWeights = [1, -2, 0.5, 3, -1, 0.25, 2, 1, -0.5, -1, 4, 0];
/**
 * `[2, 6]`: image = sigmoid(latent × decoderWeights) (the label is added to the latent, where conditional). Small, since
 * ONNX Runtime's sigmoid is only exact to some 1e-8, which is much where the probability itself is not more.
 */
export const decoderWeights = [0.5, -1, 0.25, 1, -0.5, 2, -0.25, 0.75, 1.5, -1, 1, 0.5].map((weight) => weight / 8);

export const tinyLatent = (image: ArrayLike<number>, label = 0): number[] =>
  [0, 1].map((d) => {
    let sum = label;
    for (let i = 0; i < tiny.pixels; i++) sum += ((image[i] ?? 0) / 255) * (encoderWeights[2 * i + d] ?? 0);
    return sum;
  });

/** Binary cross-entropy per pixel from logits, as the loss of the models has it. */
export function tinyError(image: ArrayLike<number>, latent: readonly number[], label = 0): number {
  let sum = 0;
  for (let i = 0; i < tiny.pixels; i++) {
    const logit = [0, 1].reduce(
      (l, d) => l + ((latent[d] ?? 0) + label) * (decoderWeights[tiny.pixels * d + i] ?? 0),
      0,
    );
    sum += Math.max(logit, 0) - (logit * (image[i] ?? 0)) / 255 + Math.log1p(Math.exp(-Math.abs(logit)));
  }
  return sum / tiny.pixels;
}

export interface TinyOptions {
  readonly conditional?: Card['conditional'];
  readonly error?: Card['model']['error'];
  readonly encoder?: readonly number[];
  readonly decoder?: readonly number[];
  /** Makes the model variational: the log variance of every latent. */
  readonly logvar?: number;
  readonly classes?: string[] | null;
  readonly name?: string;
  readonly preprocessing?: Card['preprocessing'];
}

/** Writes an exported model as the export stage does: the two graphs and their card. */
export async function exportTiny(folder: string, options: TinyOptions = {}): Promise<string> {
  const { conditional = { encoder: false, decoder: false }, encoder = encoderWeights, logvar } = options;
  const { height, width, channels, pixels, size } = tiny;
  const image = ['N', height, width, channels];
  const label = (on: boolean) => (on ? [value('label', Type.INT32, ['N'])] : []);
  mkdirSync(folder, { recursive: true });
  const encoderFile = model({
    inputs: [value('image', Type.UINT8, image), ...label(conditional.encoder)],
    outputs: [
      value('latent', Type.FLOAT, ['N', size]),
      ...(logvar === undefined ? [] : [value('logvar', Type.FLOAT, ['N', size])]),
    ],
    initializers: [
      floats('scale', [], [1 / 255]),
      floats('zero', [], [0]),
      floats('spread', [], [logvar ?? 0]),
      floats('weights', [pixels, size], encoder),
      shapeTensor('column', [-1, 1]),
    ],
    nodes: [
      node('Cast', ['image'], ['float'], { to: Type.FLOAT }),
      node('Mul', ['float', 'scale'], ['scaled']),
      node('Flatten', ['scaled'], ['flat']),
      node('MatMul', ['flat', 'weights'], [conditional.encoder ? 'plain' : 'latent']),
      ...(conditional.encoder ? addLabel('plain', 'latent') : []),
      ...(logvar === undefined
        ? []
        : [node('Mul', ['latent', 'zero'], ['zeros']), node('Add', ['zeros', 'spread'], ['logvar'])]),
    ],
  });
  const decoderFile = model({
    inputs: [value('latent', Type.FLOAT, ['N', size]), ...label(conditional.decoder)],
    outputs: [value('image', Type.FLOAT, image)],
    initializers: [
      floats('weights', [size, pixels], options.decoder ?? decoderWeights),
      shapeTensor('shape', [-1, height, width, channels]),
      shapeTensor('column', [-1, 1]),
    ],
    nodes: [
      ...(conditional.decoder ? addLabel('latent', 'biased') : [node('Identity', ['latent'], ['biased'])]),
      node('MatMul', ['biased', 'weights'], ['logits']),
      node('Sigmoid', ['logits'], ['flat']),
      node('Reshape', ['flat', 'shape'], ['image']),
    ],
  });
  writeFileSync(join(folder, 'encoder.onnx'), encoderFile);
  writeFileSync(join(folder, 'decoder.onnx'), decoderFile);
  await writeTinyCard(folder, options);
  return folder;
}

/** Writes the card for the files that are there. */
export async function writeTinyCard(folder: string, options: TinyOptions = {}): Promise<Card> {
  const { height, width, channels, size } = tiny;
  const part = { images: 4, fingerprint: `sha256:${'0'.repeat(64)}` };
  const zeros = Array<number>(size).fill(0);
  return await writeCard(folder, {
    format: 1,
    convae: '0.1.0',
    model: {
      name: options.name ?? 'tiny',
      summary: 'a linear map there and back',
      ...(options.error ? { error: options.error } : {}),
    },
    dataset: { name: 'by hand', train: part, test: part },
    image: { height, width, channels },
    ...(options.preprocessing && { preprocessing: options.preprocessing }),
    latent: { size, statistics: { over: 'test', images: 4, mean: zeros, std: zeros, min: zeros, max: zeros } },
    classes: options.classes ?? null,
    conditional: options.conditional ?? { encoder: false, decoder: false },
    files: {
      'encoder.onnx': await fileDigest(join(folder, 'encoder.onnx')),
      'decoder.onnx': await fileDigest(join(folder, 'decoder.onnx')),
    },
    opset: 17,
    metrics: { epoch: 1, step: 1, train: null, test: { loss: 0.5, reconstruction: 0.5 } },
    parity: { images: 4, latent: 0, image: 0, tolerance: 1e-4 },
    training: {
      recipe: { epochs: 1, batchSize: 4, optimizer: { name: 'sgd', learningRate: 0.1 } },
      seed: 0,
      epochs: 1,
      engine: 'onnx',
    },
  });
}

const addLabel = (from: string, to: string) => [
  node('Cast', ['label'], ['class'], { to: Type.FLOAT }),
  node('Reshape', ['class', 'column'], ['classes']),
  node('Add', [from, 'classes'], [to]),
];

interface Graph {
  readonly inputs: ReturnType<typeof value>[];
  readonly outputs: ReturnType<typeof value>[];
  readonly initializers: ReturnType<typeof floats>[];
  readonly nodes: ReturnType<typeof node>[];
}

function model({ inputs, outputs, initializers, nodes }: Graph): Uint8Array {
  const used = new Set(nodes.flatMap(({ input }) => input));
  const initializer = initializers.filter(({ name }) => used.has(name));
  const graph = create(GraphProtoSchema, { name: 'tiny', input: inputs, output: outputs, initializer, node: nodes });
  const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })];
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, opsetImport, graph }));
}

function node(opType: string, input: string[], output: string[], attributes: Record<string, number> = {}) {
  const attribute = Object.entries(attributes).map(([name, i]) =>
    create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(i) }),
  );
  return create(NodeProtoSchema, { opType, input, output, attribute });
}

function value(name: string, elemType: Type, dims: readonly (string | number)[]) {
  const dim = dims.map((side) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof side === 'string' ? { case: 'dimParam', value: side } : { case: 'dimValue', value: BigInt(side) },
    }),
  );
  const tensorType = create(TypeProto_TensorSchema, { elemType, shape: create(TensorShapeProtoSchema, { dim }) });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensorType } }),
  });
}

const floats = (name: string, dims: readonly number[], numbers: readonly number[]) =>
  create(TensorProtoSchema, { name, dims: dims.map(BigInt), dataType: Type.FLOAT, floatData: [...numbers] });

const shapeTensor = (name: string, numbers: readonly number[]) =>
  create(TensorProtoSchema, {
    name,
    dims: [BigInt(numbers.length)],
    dataType: Type.INT64,
    int64Data: numbers.map(BigInt),
  });
