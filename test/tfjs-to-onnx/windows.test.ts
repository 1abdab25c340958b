import fc from 'fast-check';
import { test } from 'vitest';
import { convRow, depthwiseRow, type Geometry, isPossible, pads, poolRow, transposeRow } from './support/geometry.ts';
import { expectParity, type Row } from './support/parity.ts';

const side = fc.integer({ min: 1, max: 6 });
const step = fc.integer({ min: 1, max: 4 });
const tap = fc.integer({ min: 1, max: 4 });
const edge = fc.integer({ min: -3, max: 5 });
const few = fc.integer({ min: 1, max: 3 });

const images: fc.Arbitrary<Geometry> = fc
  .record({
    batch: few,
    size: fc.tuple(side, side),
    inputs: few,
    outputs: few,
    kernel: fc.tuple(tap, tap),
    strides: fc.tuple(step, step),
    pad: fc.oneof(
      fc.constantFrom('same' as const, 'valid' as const),
      edge,
      fc.tuple(edge, edge, edge, edge).map((sides) => pads(...sides)),
    ),
  })
  .filter(isPossible);

const volumes: fc.Arbitrary<Geometry> = fc
  .record({
    batch: few,
    size: fc.tuple(side, side, side),
    inputs: few,
    outputs: few,
    kernel: fc.tuple(tap, tap, tap),
    strides: fc.tuple(step, step, step),
    pad: fc.oneof(fc.constantFrom('same' as const, 'valid' as const), fc.integer({ min: 0, max: 5 })),
  })
  .filter(isPossible);

/** tfjs convolves with strides or with dilations. */
const dilated = images
  .map(({ strides, ...geometry }): Geometry => ({ ...geometry, dilations: strides ?? [1, 1] }))
  .filter(isPossible);

/** tfjs's gradient of a maximum in volumes is wrong where a window's height and width differ. */
const square = (geometry: Geometry): Geometry => ({ ...geometry, kernel: geometry.kernel.map((_, __, [k = 1]) => k) });

const property = (geometries: fc.Arbitrary<Geometry>, makeRow: (geometry: Geometry) => Row) =>
  fc.assert(
    fc.asyncProperty(geometries, (any) => expectParity(makeRow(any))),
    { numRuns: 30, seed: 11 },
  );

test('any convolution', () => property(images, convRow));
test('any dilated convolution', () => property(dilated, convRow));
test('any transposed convolution', () => property(images, transposeRow));
test('any convolution by channel', () => property(images, depthwiseRow));
test('any maximum', () => property(images, (any) => poolRow('maxPool', any)));
test('any mean', () => property(images, (any) => poolRow('avgPool', any)));
test('any convolution of volumes', () => property(volumes, convRow));
test('any transposed convolution of volumes', () => property(volumes, transposeRow));
test('any maximum in volumes', () =>
  property(volumes.map(square).filter(isPossible), (any) => poolRow('maxPool3d', any)));
test('any mean of volumes', () => property(volumes, (any) => poolRow('avgPool3d', any)));
