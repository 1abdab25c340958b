import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cpu, lowerTape, type Tape } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { convRows } from './rows/conv.ts';
import { convInputRows } from './rows/conv-inputs.ts';
import { depthwiseRows, normalizeRows } from './rows/depthwise.ts';
import { poolRows } from './rows/pool.ts';
import {
  convRow,
  type Geometry,
  isPossible,
  layerRow,
  pads,
  transposeLayerRow,
  transposeRow,
} from './support/geometry.ts';
import { blockedTargets } from './support/machine.ts';
import { expectParity, tapesOf } from './support/parity.ts';

test.runIf(process.arch === 'x64')('this machine computes the blocks of one vector width', () => {
  expect(blockedTargets.length).toBe(1);
});

test('blocked kernels compute all directions of a convolution that fits them, and no others', () => {
  const blockedNodes = (geometry: Geometry) => {
    const [, gradients] = tapesOf(layerRow(geometry));
    return lowerTape(gradients as Tape, cpu(16)).nodes.filter(({ op }) => op === 'nchwc.Conv').length;
  };
  const geometry = { size: [6, 6], kernel: [3, 3] } as const;
  expect(blockedNodes({ ...geometry, inputs: 16, outputs: 32 })).toBe(3);
  expect(blockedNodes({ ...geometry, inputs: 32, outputs: 16 })).toBe(3);
  expect(blockedNodes({ ...geometry, inputs: 17, outputs: 16 })).toBe(0);
  expect(blockedNodes({ ...geometry, inputs: 16, outputs: 24 })).toBe(0);
});

const [target] = blockedTargets;
if (!target) console.warn('skipped: this machine has no blocked kernels of 16 or 8 floats');

describe.skipIf(!target)('blocked kernels', () => {
  const expectBlocked = (row: Parameters<typeof expectParity>[0]) => expectParity(row, target);

  test.each([...convRows, ...convInputRows, ...depthwiseRows, ...normalizeRows, ...poolRows])('$name', expectBlocked);

  const side = fc.integer({ min: 1, max: 9 });
  const stride = fc.integer({ min: 1, max: 3 });
  const tap = fc.integer({ min: 1, max: 5 });
  const channels = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(16, 32) },
    fc.constantFrom(1, 2, 3, 7, 8, 11, 15, 17, 24),
  );
  const edge = fc.integer({ min: -2, max: 4 });
  const pad = fc.oneof(
    fc.constantFrom('same' as const, 'valid' as const),
    edge,
    fc.tuple(edge, edge, edge, edge).map((sides) => pads(...sides)),
  );
  const geometry = fc
    .record({
      batch: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.integer({ min: 15, max: 18 })),
      size: fc.tuple(side, side),
      inputs: channels,
      outputs: channels,
      kernel: fc.tuple(tap, tap),
      strides: fc.tuple(stride, stride),
      pad,
    })
    .filter(isPossible);

  const property = (makeRow: (geometry: Geometry) => Parameters<typeof expectParity>[0]) =>
    fc.assert(
      fc.asyncProperty(geometry, (any) => expectBlocked(makeRow(any))),
      { numRuns: 40, seed: 7 },
    );

  test('any convolution, forward and by image and filter', () => property(convRow));
  test('any transposed convolution, forward and by features and filter', () => property(transposeRow));
  test('any layer with bias and relu', () => property(layerRow));
  test('any transposed layer with bias and relu', () => property(transposeLayerRow));
});
