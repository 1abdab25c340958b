import { input, type LayersModel, layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { withRandomWeights } from './weights.ts';

type Size = number | [number, number];

const through = (layer: InstanceType<typeof layers.Layer>, x: SymbolicTensor | SymbolicTensor[]) =>
  layer.apply(x) as SymbolicTensor;

/** A convolution without bias, batch normalization without scale, relu. */
function conv(
  x: SymbolicTensor,
  filters: number,
  kernelSize: Size,
  strides: 1 | 2 = 1,
  padding: 'same' | 'valid' = 'same',
) {
  const layer = layers.conv2d({ filters, kernelSize, strides, padding, useBias: false, kernelInitializer: 'zeros' });
  const normal = through(layers.batchNormalization({ scale: false }), through(layer, x));
  return through(layers.activation({ activation: 'relu' }), normal);
}

/** Convolutions one after the other. */
const convs = (x: SymbolicTensor, ...steps: readonly [filters: number, kernelSize: Size][]) =>
  steps.reduce((y, [filters, kernelSize]) => conv(y, filters, kernelSize), x);

const concat = (...branches: SymbolicTensor[]) => through(layers.concatenate({ axis: 3 }), branches);
const largest = (x: SymbolicTensor) => through(layers.maxPooling2d({ poolSize: 3, strides: 2 }), x);
const averaged = (x: SymbolicTensor, filters: number) =>
  conv(through(layers.averagePooling2d({ poolSize: 3, strides: 1, padding: 'same' }), x), filters, 1);

/** InceptionV3 of Szegedy et al. 2015 as `keras.applications` builds it, with random weights. */
export function inceptionV3(size = 299): LayersModel {
  const image = input({ shape: [size, size, 3], name: 'image' });
  let x = conv(image, 32, 3, 2, 'valid');
  x = conv(conv(x, 32, 3, 1, 'valid'), 64, 3);
  x = conv(conv(largest(x), 80, 1, 1, 'valid'), 192, 3, 1, 'valid');
  x = largest(x); // [35, 35, 192]

  for (const pooled of [32, 64, 64]) {
    x = concat(conv(x, 64, 1), convs(x, [48, 1], [64, 5]), convs(x, [64, 1], [96, 3], [96, 3]), averaged(x, pooled));
  }
  x = concat(conv(x, 384, 3, 2, 'valid'), conv(convs(x, [64, 1], [96, 3]), 96, 3, 2, 'valid'), largest(x)); // [17, 17, 768]

  const [row, column]: [[number, number], [number, number]] = [
    [1, 7],
    [7, 1],
  ];
  for (const c of [128, 160, 160, 192]) {
    const single = convs(x, [c, 1], [c, row], [192, column]);
    const double = convs(x, [c, 1], [c, column], [c, row], [c, column], [192, row]);
    x = concat(conv(x, 192, 1), single, double, averaged(x, 192));
  }
  const reduced = conv(convs(x, [192, 1]), 320, 3, 2, 'valid');
  x = concat(reduced, conv(convs(x, [192, 1], [192, row], [192, column]), 192, 3, 2, 'valid'), largest(x)); // [8, 8, 1280]

  for (let i = 0; i < 2; i++) {
    const single = conv(x, 384, 1);
    const double = convs(x, [448, 1], [384, 3]);
    const split = (y: SymbolicTensor) => concat(conv(y, 384, [1, 3]), conv(y, 384, [3, 1]));
    x = concat(conv(x, 320, 1), split(single), split(double), averaged(x, 192)); // [8, 8, 2048]
  }
  const pooled = through(layers.globalAveragePooling2d({}), x);
  const head = layers.dense({ name: 'predictions', units: 1000, activation: 'softmax', kernelInitializer: 'zeros' });
  return withRandomWeights(model({ name: 'inception_v3', inputs: image, outputs: through(head, pooled) }));
}
