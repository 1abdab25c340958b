import { nchw, oihw, plain, plainValue, Value } from '../forms.ts';
import { product, type Shape } from '../ir.ts';
import { activate } from '../kernels/arithmetic.ts';
import { cast } from '../kernels/elementwise.ts';
import {
  channelsLast,
  convolution,
  fitted,
  inputShape,
  positive,
  seen,
  seesNothing,
  windowAttributes,
} from '../kernels/window.ts';
import type { Target } from './target.ts';

/**
 * Standard operators, chosen for GPUs: the gradient of a convolution by its kernel is one convolution, of the images with
 * dy for its kernel, where images are channels and channels are images.
 */
export const gpu: Target = {
  name: 'gpu',
  overrides: {
    Conv2DBackpropFilter: ({ x, dy }, given) => {
      const { attrs, last } = channelsLast(given as typeof given & { filterShape: Shape });
      const image = cast(last(x), 'float32');
      const geo = convolution(image.shape, attrs.filterShape, attrs);
      if (seesNothing(geo)) return undefined;
      const from = cast(fitted(last(dy), geo), 'float32');
      return plainValue(attrs.filterShape, 'float32', (g) => {
        const images = seen(g, g.transpose(image.as(plain, g), [3, 0, 1, 2]), geo); // [I, N, H, W]
        const kernels = g.transpose(from.as(plain, g), [3, 0, 1, 2]); // [O, N, h, w]
        const taps = g.Conv(images, kernels, undefined, {
          kernel_shape: geo.outputs,
          strides: geo.dilations,
          dilations: geo.strides,
          pads: [...positive(geo.before), ...positive(geo.after)],
        }); // [I, O, kh or more, kw or more]
        const cut = g.Slice(taps, g.ints([0, 0]), g.ints([...geo.kernel]), g.ints([2, 3]));
        return g.transpose(cut, [2, 3, 0, 1]);
      });
    },
    // CUDA has no transposed convolution whose pads differ at the two ends; so the edges are cut off afterwards.
    Conv2DBackpropInput: ({ dy, filter, bias }, given) => {
      const { attrs, last, asGiven } = channelsLast(given as typeof given & { inputShape: Shape });
      const geo = convolution(attrs.inputShape, filter.shape, attrs);
      const { before, after, inputs } = geo;
      const isEven = before.every((d, i) => d === after[i]);
      if (isEven || seesNothing(geo) || [...before, ...after].some((d) => d < 0)) return undefined;
      const from = cast(fitted(last(dy), geo), 'float32');
      const image = new Value(inputShape(geo), 'float32', nchw, (g) => {
        const { kernel_shape, strides, dilations } = windowAttributes(geo);
        const kernel = cast(filter, 'float32').as(oihw, g);
        const vector = bias && g.reshape(bias.as(plain, g), [product(bias.shape)]);
        const whole = g.ConvTranspose(from.as(nchw, g), kernel, vector, { kernel_shape, strides, dilations });
        const ends = before.map((d, i) => d + (inputs[i] ?? 0));
        return g.Slice(whole, g.ints([...before]), g.ints(ends), g.ints([2, 3]));
      });
      return activate(asGiven(image), given.activation);
    },
  },
  formsOfVariables: () => new Map(),
};
