import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model, type SymbolicTensor, sequential } from '@tensorflow/tfjs-layers';

type Layer = InstanceType<typeof layers.Layer>;

const images = { inputShape: [8, 8, 3] };
const rows = { inputShape: [6] };
const steps = { inputShape: [5, 4] };
const volumes = { inputShape: [4, 4, 4, 2] };

/** Of the initializers that recurrent layers take, one that needs nothing but tfjs-core. */
const recurrent = { recurrentInitializer: 'glorotNormal' } as const;
const same = { padding: 'same' } as const;
const through = (layer: Layer, x: SymbolicTensor | SymbolicTensor[]) => layer.apply(x) as SymbolicTensor;

/** Sequential models by their layers. */
const chains: Readonly<Record<string, () => Layer[]>> = {
  'dense layers': () => [
    layers.dense({ units: 7, activation: 'relu', ...rows }),
    layers.dense({ units: 5, activation: 'tanh', useBias: false }),
    layers.dense({ units: 4, activation: 'softmax' }),
  ],
  'activations of dense layers': () =>
    (['elu', 'selu', 'sigmoid', 'softplus', 'softsign', 'hardSigmoid', 'relu6', 'swish', 'mish', 'gelu'] as const).map(
      (activation, i) => layers.dense({ units: 6, activation, ...(i === 0 && rows) }),
    ),
  'activations as layers': () => [
    layers.leakyReLU({ alpha: 0.2, ...rows }),
    layers.prelu(),
    layers.elu({ alpha: 1 }),
    layers.thresholdedReLU({ theta: 0.1 }),
    layers.reLU({ maxValue: 3 }),
    layers.softmax(),
    layers.activation({ activation: 'linear' }),
  ],
  convolutions: () => [
    layers.conv2d({ filters: 8, kernelSize: 3, strides: 2, ...same, activation: 'relu', ...images }),
    layers.conv2d({ filters: 5, kernelSize: [2, 3], dilationRate: 2, ...same }),
    layers.flatten(),
    layers.dense({ units: 3 }),
  ],
  'transposed convolutions': () => [
    layers.dense({ units: 32, ...rows }),
    layers.reshape({ targetShape: [2, 2, 8] }),
    layers.conv2dTranspose({ filters: 4, kernelSize: 3, strides: 2, ...same, activation: 'relu' }),
    layers.conv2dTranspose({ filters: 2, kernelSize: 4, strides: 2, padding: 'valid', activation: 'sigmoid' }),
  ],
  'pooling and upsampling': () => [
    layers.maxPooling2d({ poolSize: 2, ...images }),
    layers.upSampling2d({ size: [2, 3] }),
    layers.averagePooling2d({ poolSize: 3, strides: 2, ...same }),
    layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }),
    layers.globalAveragePooling2d({}),
  ],
  'pooling of sequences': () => [
    layers.conv1d({ filters: 6, kernelSize: 3, ...same, activation: 'relu', ...steps }),
    layers.maxPooling1d({ poolSize: 2, ...same }),
    layers.averagePooling1d({ poolSize: 2, strides: 1, ...same }),
    layers.globalMaxPooling1d({}),
  ],
  'batch normalisation, in inference': () => [
    layers.conv2d({ filters: 8, kernelSize: 3, useBias: false, ...images }),
    layers.batchNormalization({}),
    layers.activation({ activation: 'relu' }),
    layers.flatten(),
    layers.dense({ units: 4 }),
    layers.batchNormalization({ scale: false }),
    layers.batchNormalization({ center: false }),
  ],
  'layer normalisation': () => [layers.dense({ units: 8, ...steps }), layers.layerNormalization()],
  'layers that act only in training': () => [
    layers.dropout({ rate: 0.5, ...images }),
    layers.gaussianNoise({ stddev: 1 }),
    layers.gaussianDropout({ rate: 0.3 }),
    layers.alphaDropout({ rate: 0.3 }),
    layers.flatten(),
    layers.dense({ units: 2 }),
  ],
  'depthwise and separable convolutions': () => [
    layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: 2, ...same, activation: 'relu', ...images }),
    layers.separableConv2d({ filters: 5, kernelSize: 3, ...same, activation: 'relu' }),
  ],
  'padding, cropping, permuting': () => [
    layers.zeroPadding2d({
      padding: [
        [1, 2],
        [0, 3],
      ],
      ...images,
    }),
    layers.cropping2D({
      cropping: [
        [0, 1],
        [2, 1],
      ],
    }),
    layers.permute({ dims: [3, 1, 2] }),
    layers.reshape({ targetShape: [3, -1] }),
  ],
  'an embedding': () => [
    layers.embedding({ inputDim: 7, outputDim: 4, inputLength: 5 }),
    layers.globalAveragePooling1d({}),
  ],
  'repeating and dense layers over time': () => [
    layers.repeatVector({ n: 3, ...rows }),
    layers.timeDistributed({ layer: layers.dense({ units: 4 }) }),
  ],
  'a simple recurrent network': () => [layers.simpleRNN({ units: 3, ...recurrent, returnSequences: true, ...steps })],
  'a gated recurrent network': () => [layers.gru({ units: 3, ...recurrent, ...steps })],
  'long short-term memory, both ways': () => [
    layers.bidirectional({
      layer: layers.lstm({ units: 3, ...recurrent, returnSequences: true }) as never,
      mergeMode: 'concat',
      ...steps,
    }),
    layers.lstm({ units: 2, ...recurrent }),
  ],
  preprocessing: () => [layers.rescaling({ scale: 0.5, offset: 1, ...images }), layers.masking({ maskValue: 0 })],
  'a convolutional recurrent network': () => [
    layers.convLstm2d({ filters: 2, kernelSize: 2, ...recurrent, inputShape: [3, 5, 5, 2] }),
  ],
  volumes: () => [
    layers.conv3d({ filters: 3, kernelSize: 2, activation: 'relu', ...volumes }),
    layers.maxPooling3d({ poolSize: 2, strides: 1 }),
    layers.averagePooling3d({ poolSize: 2, ...same }),
  ],
};

function twoInputsTwoOutputs(): LayersModel {
  const picture = input({ shape: [8, 8, 3], name: 'picture' });
  const label = input({ shape: [4], name: 'label' });
  const conv = layers.conv2d({ name: 'conv', filters: 4, kernelSize: 3, strides: 2, activation: 'relu' });
  const features = through(layers.flatten({ name: 'flat' }), through(conv, picture));
  const both = through(layers.concatenate({ name: 'both' }), [features, label]);
  const outputs = [
    through(layers.dense({ name: 'mean', units: 3 }), both),
    through(layers.dense({ name: 'scale', units: 3, activation: 'softplus' }), both),
  ];
  return model({ name: 'two', inputs: [picture, label], outputs });
}

function merges(): LayersModel {
  const [a, b] = [input({ shape: [4, 3] }), input({ shape: [4, 3] })];
  const all = [
    through(layers.add(), [a, b]),
    through(layers.multiply(), [a, b]),
    through(layers.average(), [a, b]),
    through(layers.maximum(), [a, b]),
    through(layers.minimum(), [a, b]),
    through(layers.concatenate({ axis: 1 }), [a, b]),
    through(layers.dot({ axes: 2 }), [a, b]),
  ];
  return model({ inputs: [a, b], outputs: all });
}

/** A model of models: the encoder's and the decoder's layers are inside, and the encoder is used twice. */
function nested(): LayersModel {
  const encoder = sequential({
    name: 'encoder',
    layers: [layers.flatten({ name: 'flat', ...images }), layers.dense({ name: 'latent', units: 4 })],
  });
  const decoder = sequential({ name: 'decoder', layers: [layers.dense({ name: 'out', units: 3, inputShape: [4] })] });
  const [x, y] = [input({ shape: [8, 8, 3], name: 'x' }), input({ shape: [8, 8, 3], name: 'y' })];
  const codes = through(layers.add({ name: 'sum' }), [through(encoder, x), through(encoder, y)]);
  return model({ name: 'whole', inputs: [x, y], outputs: through(decoder, codes) });
}

function residual(): LayersModel {
  const x = input({ shape: [8, 8, 3] });
  const conv = (y: SymbolicTensor) => through(layers.conv2d({ filters: 3, kernelSize: 3, ...same }), y);
  const normal = (y: SymbolicTensor) => through(layers.batchNormalization({}), y);
  const relu = (y: SymbolicTensor) => through(layers.reLU(), y);
  const inner = normal(conv(relu(normal(conv(x)))));
  return model({ inputs: x, outputs: relu(through(layers.add(), [x, inner])) });
}

/** An input that is an output too. */
function passThrough(): LayersModel {
  const x = input({ shape: [3], name: 'x' });
  return model({ inputs: x, outputs: [x, through(layers.dense({ units: 2 }), x)] });
}

const sequentials = Object.entries(chains).map(
  ([name, make]) => [name, () => sequential({ name: 'chain', layers: make() })] as const,
);

/** Models of all kinds, with weights that are the same each time. */
export const zoo: Readonly<Record<string, () => LayersModel>> = Object.fromEntries(
  [
    ...sequentials,
    ['several inputs and outputs', twoInputsTwoOutputs],
    ['merging layers', merges],
    ['nested models', nested],
    ['a residual block', residual],
    ['an input as an output', passThrough],
  ].map(([name, build]) => [name, () => withWeights((build as () => LayersModel)())]),
);

/** The model with weights that are the same each time. */
export function withWeights(built: LayersModel): LayersModel {
  const weights = built.weights.map(({ shape, originalName }, i) => {
    // Variances are positive.
    const low = originalName.includes('variance') ? 0.2 : -0.5;
    return tf.randomUniform(shape as number[], low, 0.6, 'float32', i + 1);
  });
  built.setWeights(weights);
  return built;
}
