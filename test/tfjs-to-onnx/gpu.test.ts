import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gpu, lowerTape, type Tape } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { convRows } from './rows/conv.ts';
import { convInputRows } from './rows/conv-inputs.ts';
import { anyGeometry, convRow, type Geometry, layerRow, transposeLayerRow, transposeRow } from './support/geometry.ts';
import { expectParity, type Row, tapesOf } from './support/parity.ts';

/** The operators of a layer and its gradients. */
const operators = (geometry: Geometry, row: (geometry: Geometry) => Row) =>
  tapesOf(row(geometry)).flatMap((tape) => lowerTape(tape as Tape, gpu).nodes);

test('the gradient by a kernel is one convolution, and transposed convolutions have equal pads at both ends', () => {
  const geometry = { size: [28, 28], kernel: [5, 5], strides: [2, 2], inputs: 3, outputs: 4, pad: 'same' } as const;
  const nodes = operators(geometry, layerRow);
  expect(nodes.filter(({ op }) => op === 'Conv').length).toBe(3); // twice forward, once by the kernel
  expect(nodes.filter(({ op }) => op === 'Gemm').length).toBe(0);
  for (const { attrs } of nodes.filter(({ op }) => op === 'ConvTranspose')) {
    const pads = (attrs.pads ?? [0, 0, 0, 0]) as number[];
    expect(pads.slice(0, 2)).toEqual(pads.slice(2));
  }
});

describe('kernels for GPUs', () => {
  test.each([...convRows, ...convInputRows])('$name', (row) => expectParity(row, gpu));

  test.each([
    ['convolution', convRow],
    ['transposed convolution', transposeRow],
    ['layer with bias and relu', layerRow],
    ['transposed layer with bias and relu', transposeLayerRow],
  ] as const)('any %s and its gradients', (_, row) =>
    fc.assert(
      fc.asyncProperty(anyGeometry, (geometry) => expectParity(row(geometry), gpu)),
      { numRuns: 20, seed: 7 },
    ),
  );
});
