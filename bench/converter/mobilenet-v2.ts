import { input, type LayersModel, layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { withRandomWeights } from './weights.ts';

const through = (layer: InstanceType<typeof layers.Layer>, x: SymbolicTensor | SymbolicTensor[]) =>
  layer.apply(x) as SymbolicTensor;

/** Inverted residuals by stage: expansion, channels, repeats, first stride. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

const plain = { useBias: false, kernelInitializer: 'zeros', depthwiseInitializer: 'zeros' } as const;
const normal = (x: SymbolicTensor, name: string) =>
  through(layers.batchNormalization({ name, epsilon: 1e-3, momentum: 0.999 }), x);
const relu6 = (x: SymbolicTensor, name: string) => through(layers.reLU({ name, maxValue: 6 }), x);

/** MobileNetV2 of Sandler et al. 2018 as `keras.applications` builds it, with random weights. */
export function mobileNetV2(size = 224): LayersModel {
  const image = input({ shape: [size, size, 3], name: 'image' });
  const stem = layers.conv2d({ name: 'Conv1', filters: 32, kernelSize: 3, strides: 2, padding: 'same', ...plain });
  let x = relu6(normal(through(stem, image), 'bn_Conv1'), 'Conv1_relu');
  let block = 0;
  for (const [expansion, channels, repeats, first] of STAGES) {
    for (let i = 0; i < repeats; i++) x = invertedResidual(x, `block_${block++}`, expansion, channels, i ? 1 : first);
  }
  const last = layers.conv2d({ name: 'Conv_1', filters: 1280, kernelSize: 1, ...plain });
  x = relu6(normal(through(last, x), 'Conv_1_bn'), 'out_relu');
  const pooled = through(layers.globalAveragePooling2d({ name: 'pool' }), x);
  const head = layers.dense({ name: 'predictions', units: 1000, activation: 'softmax', kernelInitializer: 'zeros' });
  return withRandomWeights(model({ name: 'mobilenetv2', inputs: image, outputs: through(head, pooled) }));
}

function invertedResidual(x: SymbolicTensor, name: string, expansion: number, channels: number, stride: 1 | 2) {
  const [, height = 1, , inputs = 1] = x.shape;
  let y = x;
  if (expansion > 1) {
    const expand = layers.conv2d({
      name: `${name}_expand`,
      filters: expansion * (inputs as number),
      kernelSize: 1,
      ...plain,
    });
    y = relu6(normal(through(expand, y), `${name}_expand_BN`), `${name}_expand_relu`);
  }
  if (stride === 2) {
    const before = (height as number) % 2 ? 1 : 0;
    const padding: [[number, number], [number, number]] = [
      [before, 1],
      [before, 1],
    ];
    y = through(layers.zeroPadding2d({ name: `${name}_pad`, padding }), y);
  }
  const padding = stride === 1 ? 'same' : 'valid';
  const depthwise = layers.depthwiseConv2d({
    name: `${name}_depthwise`,
    kernelSize: 3,
    strides: stride,
    padding,
    ...plain,
  });
  y = relu6(normal(through(depthwise, y), `${name}_depthwise_BN`), `${name}_depthwise_relu`);
  const project = layers.conv2d({ name: `${name}_project`, filters: channels, kernelSize: 1, ...plain });
  y = normal(through(project, y), `${name}_project_BN`);
  return stride === 1 && inputs === channels ? through(layers.add({ name: `${name}_add` }), [x, y]) : y;
}
