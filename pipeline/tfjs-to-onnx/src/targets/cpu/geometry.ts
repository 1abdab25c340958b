import type { Value } from '../../forms.ts';
import { type Shape, sameShape } from '../../ir.ts';
import { convolution, type Geometry, needsNoCut, seesNothing, type WindowAttrs } from '../../kernels/window.ts';

/**
 * The geometry of a convolution that the blocked kernels may take. Undefined for empty images, for those whose channels
 * come first, and where windows leave out pixels at the edges.
 */
export function usualConvolution(image: Shape, kernel: Shape, attrs: WindowAttrs): Geometry | undefined {
  if (attrs.dataFormat === 'NCHW') return undefined;
  const geo = convolution(image, kernel, attrs);
  return needsNoCut(geo) && !seesNothing(geo) ? geo : undefined;
}

/** Whether a gradient has the size that the windows give, and floats. */
export const isUsualGradient = ({ shape, dtype }: Value, { batch, outputs, outChannels }: Geometry): boolean =>
  dtype === 'float32' && sameShape(shape, [batch, ...outputs, outChannels]);
