import { initializers, layers } from '@tensorflow/tfjs-layers';

/** Layers with PyTorch's default initialisation: weights and biases uniform in ±1/√fan_in. */

export type Layer = InstanceType<typeof layers.Layer>;
type Padding = 'same' | 'valid';

interface ConvOptions {
  readonly name: string;
  readonly inputs: number;
  readonly filters: number;
  readonly kernelSize: number | readonly [number, number];
  readonly strides?: number;
  readonly padding?: Padding;
  readonly relu?: boolean;
  readonly seed: number;
}

/** Convolution; kernel `[k, k, inputs, filters]`, fan-in k² × inputs. */
export function conv({
  name,
  inputs,
  filters,
  kernelSize,
  strides = 1,
  padding = 'same',
  relu,
  seed,
}: ConvOptions): Layer {
  return layers.conv2d({
    name,
    filters,
    kernelSize: pair(kernelSize),
    strides,
    padding,
    activation: relu ? 'relu' : 'linear',
    ...uniform(area(kernelSize) * inputs, seed, name),
  });
}

/** Transposed convolution; kernel `[k, k, filters, inputs]`, fan-in k² × filters (PyTorch's convention). */
export function deconv({
  name,
  filters,
  kernelSize,
  strides = 1,
  padding = 'same',
  relu,
  seed,
}: Omit<ConvOptions, 'inputs'>): Layer {
  return layers.conv2dTranspose({
    name,
    filters,
    kernelSize: pair(kernelSize),
    strides,
    padding,
    activation: relu ? 'relu' : 'linear',
    ...uniform(area(kernelSize) * filters, seed, name),
  });
}

/** Dense layer; kernel `[inputs, units]`, fan-in `inputs`. */
export function dense({
  name,
  inputs,
  units,
  relu,
  seed,
}: {
  name: string;
  inputs: number;
  units: number;
  relu?: boolean;
  seed: number;
}): Layer {
  return layers.dense({ name, units, activation: relu ? 'relu' : 'linear', ...uniform(inputs, seed, name) });
}

const pair = (size: ConvOptions['kernelSize']): [number, number] =>
  typeof size === 'number' ? [size, size] : [...size];

const area = (size: ConvOptions['kernelSize']): number => pair(size)[0] * pair(size)[1];

function uniform(fanIn: number, seed: number, name: string) {
  const bound = 1 / Math.sqrt(fanIn);
  return {
    kernelInitializer: initializers.varianceScaling({
      scale: 1 / 3,
      mode: 'fanIn',
      distribution: 'uniform',
      seed: seedOf(seed, `${name}/kernel`),
    }),
    biasInitializer: initializers.randomUniform({ minval: -bound, maxval: bound, seed: seedOf(seed, `${name}/bias`) }),
  };
}

/** FNV-1a over the run's seed and the weight's name: each weight has its own random stream. */
function seedOf(seed: number, name: string): number {
  let hash = 0x811c9dc5;
  for (const char of `${seed}/${name}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return hash % 0x7fffffff;
}
