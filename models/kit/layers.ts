import { initializers, layers } from '@tensorflow/tfjs-layers';

/** Layers with PyTorch's default initialisation: weights and biases uniform in ±1/√fan_in. */

export type Layer = InstanceType<typeof layers.Layer>;

interface ConvOptions {
  readonly name: string;
  readonly inputs: number;
  readonly filters: number;
  readonly kernelSize: number | readonly [number, number];
  readonly strides?: number;
  readonly padding?: 'same' | 'valid';
  readonly relu?: boolean;
  readonly seed: number;
}

interface DenseOptions {
  readonly name: string;
  readonly inputs: number;
  readonly units: number;
  readonly relu?: boolean;
  readonly seed: number;
}

/** Convolution; kernel `[k, k, inputs, filters]`, fan-in k² × inputs. */
export const conv = ({ inputs, ...options }: ConvOptions): Layer => layers.conv2d(convArgs(options, inputs));

/** Transposed convolution; kernel `[k, k, filters, inputs]`, fan-in k² × filters (PyTorch's convention). */
export const deconv = (options: Omit<ConvOptions, 'inputs'>): Layer =>
  layers.conv2dTranspose(convArgs(options, options.filters));

/** Dense layer; kernel `[inputs, units]`, fan-in `inputs`. */
export const dense = ({ name, inputs, units, relu, seed }: DenseOptions): Layer =>
  layers.dense({ name, units, activation: relu ? 'relu' : 'linear', ...uniform(inputs, seed, name) });

function convArgs(options: Omit<ConvOptions, 'inputs'>, fanInChannels: number) {
  const { name, filters, kernelSize, strides = 1, padding = 'same', relu, seed } = options;
  const [height, width] = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
  return {
    name,
    filters,
    kernelSize: [height, width] as [number, number],
    strides,
    padding,
    activation: relu ? ('relu' as const) : ('linear' as const),
    ...uniform(height * width * fanInChannels, seed, name),
  };
}

/** PyTorch's default initializers for kernel and bias. */
export function uniform(fanIn: number, seed: number, name: string) {
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
