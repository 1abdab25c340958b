import { backend_util } from '@tensorflow/tfjs-core';
import { nchw, plain, plainValue, Value } from '../forms.ts';
import type { GraphBuilder } from '../graph.ts';
import { product } from '../infer.ts';
import { pad, slice } from './shape.ts';

/** Channels laid out as blocks of pixels: `[N, H, W, b²·C]` as `[N, b·H, b·W, C]`. */
export function depthToSpace(g: GraphBuilder, x: Value, block: number, dataFormat: string): Value {
  if (dataFormat === 'NCHW') throw new Error('dataFormat NCHW is not lowered; use NHWC, the default of tfjs');
  const [n = 1, h = 1, w = 1, c = 1] = x.shape;
  const ref = g.op('DepthToSpace', [x.as(nchw, g)], { blocksize: block, mode: 'DCR' });
  return new Value([n, h * block, w * block, c / block ** 2], x.dtype, nchw, ref);
}

/** Takes the axes after the first apart into a grid of blocks and puts the places in a block into the batch. */
export function spaceToBatch(g: GraphBuilder, x: Value, block: number[], paddings: readonly number[][]): Value {
  const whole = x.shape.map((_, axis) => (paddings[axis - 1] ?? [0, 0]) as [number, number]);
  const padded = whole.flat().every((n) => n === 0) ? x : pad(g, x, whole, 0);
  const size = product(block);
  const grid = g.reshape(padded.as(plain, g), backend_util.getReshaped([...padded.shape], block, size, false));
  const moved = g.transpose(grid, backend_util.getPermuted(grid.shape.length, block.length, false));
  return plainValue(g.reshape(moved, backend_util.getReshapedPermuted([...padded.shape], block, size, false)));
}

/** The way back. */
export function batchToSpace(g: GraphBuilder, x: Value, block: number[], crops: number[][]): Value {
  const [shape, size] = [[...x.shape], product(block)];
  const grid = g.reshape(x.as(plain, g), backend_util.getReshaped(shape, block, size));
  const moved = g.transpose(grid, backend_util.getPermuted(grid.shape.length, block.length));
  const whole = plainValue(g.reshape(moved, backend_util.getReshapedPermuted(shape, block, size)));
  const begin = backend_util.getSliceBeginCoords(crops, block.length);
  return slice(g, whole, begin, backend_util.getSliceSize([...whole.shape], crops, block.length));
}
