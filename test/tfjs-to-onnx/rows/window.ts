import type { Geometry } from '../support/geometry.ts';
import {
  convRow,
  depthwiseRow,
  dilationRow,
  isPossible,
  type Pad,
  pads,
  poolRow,
  transposeRow,
} from '../support/geometry.ts';
import type { Row } from '../support/parity.ts';

/** Every mixture of a few sizes, kernels, steps and pads that tfjs computes. */
function mixtures(axes: { readonly [K in keyof Geometry]?: readonly Geometry[K][] }, rest: Geometry): Geometry[] {
  const all = Object.entries(axes).reduce<Geometry[]>(
    (some, [name, values]) => some.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [rest],
  );
  return all.filter(isPossible);
}

const image: Geometry = { size: [5, 6], inputs: 2, outputs: 3, kernel: [3, 2], batch: 2 };
const volume: Geometry = { size: [4, 5, 3], inputs: 2, outputs: 3, kernel: [2, 3, 2], batch: 2 };

/** Pads beyond a window, pads that cut the image, and pads of one number, by which tfjs computes only the height. */
const unusual: Pad[] = [4, -1, pads(3, 0, 0, 4), pads(-1, 2, 1, -2), pads(0, -3, -2, 0)];

const images = [
  ...mixtures(
    {
      pad: ['same', 'valid', 1, ...unusual],
      strides: [
        [1, 1],
        [2, 3],
      ],
    },
    image,
  ),
  ...mixtures(
    {
      kernel: [
        [1, 1],
        [2, 2],
      ],
      strides: [
        [3, 3],
        [1, 4],
      ],
      pad: ['same', 2],
    },
    image,
  ),
  ...mixtures(
    {
      size: [
        [1, 1],
        [2, 3],
        [3, 1],
      ],
      pad: ['same', 'valid', 1],
      strides: [
        [1, 1],
        [4, 2],
      ],
    },
    image,
  ),
];
const volumes = [
  ...mixtures(
    {
      pad: ['same', 'valid', 1, 3],
      strides: [
        [1, 1, 1],
        [2, 3, 4],
      ],
    },
    volume,
  ),
  ...mixtures({ kernel: [[1, 1, 1]], pad: ['same', 'valid'], strides: [[3, 2, 2]] }, volume),
];
const apart = [
  ...mixtures(
    {
      dilations: [
        [2, 1],
        [3, 3],
      ],
      pad: ['same', 'valid', 2, pads(1, 0, -1, 3)],
    },
    { ...image, size: [9, 8] },
  ),
];
/** tfjs's dilation reads beyond the image where a window has no pixel of it. */
const overlapping = mixtures(
  {
    pad: ['same', 'valid', pads(1, 2, 1, 0)],
    strides: [
      [1, 1],
      [2, 3],
    ],
    dilations: [
      [1, 1],
      [2, 2],
    ],
  },
  { ...image, size: [8, 7] },
);
const square = ({ kernel: [first = 1], ...geometry }: Geometry): Geometry => ({
  ...geometry,
  kernel: geometry.size.map(() => first),
});

export const windowRows: Row[] = [
  ...[...images, ...apart, ...volumes].map(convRow),
  ...[...images, ...volumes].map(transposeRow),
  ...[...images, ...apart].map(depthwiseRow),
  ...images.flatMap((geometry) => [poolRow('maxPool', geometry), poolRow('avgPool', geometry)]),
  ...volumes.flatMap((geometry) => [
    // tfjs's gradient of another maximum is wrong where a window's height and width differ.
    poolRow('maxPool3d', square(geometry)),
    poolRow('avgPool3d', geometry),
  ]),
  ...overlapping.map(dilationRow),
];
