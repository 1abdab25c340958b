import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { serialization } from '@tensorflow/tfjs-core';
import { initializers, layers } from '@tensorflow/tfjs-layers';
import { type Layer, uniform } from './layers.ts';

interface UpConvConfig {
  readonly name: string;
  readonly filters: number;
  /** How weights start; not part of a saved model. */
  readonly initial?: Partial<ReturnType<typeof uniform>>;
}

/**
 * Nearest-neighbour upsampling by 2, then a 3×3 convolution with bias: `[N, H, W, I]` → `[N, 2H, 2W, filters]`. It is
 * computed as one transposed convolution with stride 2, which needs less than half of the multiplications: its 4×4
 * kernel is the sum of the 3×3 one shifted by (0, 0), (0, 1), (1, 0) and (1, 1). The weight is `[3, 3, filters, I]`, in the
 * order of a transposed convolution, whose rows and columns run backwards. A program that imports `convae/models` can load
 * models that have it.
 */
export class UpConv2D extends layers.Layer {
  static readonly className = 'UpConv2D';
  readonly #filters: number;
  readonly #initial: NonNullable<UpConvConfig['initial']>;

  constructor({ filters, initial = {}, ...config }: UpConvConfig) {
    super(config);
    this.#filters = filters;
    this.#initial = initial;
  }

  override build(shape: number[]): void {
    const { kernelInitializer = initializers.glorotUniform({}), biasInitializer = initializers.zeros() } =
      this.#initial;
    this.addWeight('kernel', [3, 3, this.#filters, shape.at(-1) ?? 0], 'float32', kernelInitializer);
    this.addWeight('bias', [this.#filters], 'float32', biasInitializer);
    super.build(shape);
  }

  override computeOutputShape([n, height = 0, width = 0]: number[]): (number | null)[] {
    return [n ?? null, 2 * height, 2 * width, this.#filters];
  }

  override call(inputs: Tensor | Tensor[]): Tensor {
    const [x] = [inputs].flat() as [Tensor4D];
    const [kernel, bias] = this.weights.map((weight) => weight.read()) as [Tensor4D, Tensor1D];
    const [n, height, width] = x.shape;
    const shape: [number, number, number, number] = [n, 2 * height, 2 * width, this.#filters];
    return tf.add(tf.conv2dTranspose(x, blurred(kernel), shape, 2, 'same'), bias);
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), filters: this.#filters };
  }
}

serialization.registerClass(UpConv2D);

/** The layer with PyTorch's default initialisation, as `conv` has it. */
export const upConv = (options: { name: string; inputs: number; filters: number; seed: number }): Layer => {
  const { name, inputs, filters, seed } = options;
  return new UpConv2D({ name, filters, initial: uniform(9 * inputs, seed, name) });
};

/** A kernel convolved with a 2×2 of ones: `[3, 3, …]` → `[4, 4, …]`. */
function blurred(kernel: Tensor4D): Tensor4D {
  const none: [number, number] = [0, 0];
  const shifted = (x: Tensor4D, axis: 0 | 1, by: [number, number]): Tensor4D =>
    tf.pad(x, [axis === 0 ? by : none, axis === 1 ? by : none, none, none]);
  const twice = (x: Tensor4D, axis: 0 | 1): Tensor4D => tf.add(shifted(x, axis, [0, 1]), shifted(x, axis, [1, 0]));
  return twice(twice(kernel, 0), 1);
}
