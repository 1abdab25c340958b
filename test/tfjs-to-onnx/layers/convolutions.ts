import { layers } from '@tensorflow/tfjs-layers';
import { type LayerCase, one } from './case.ts';

const channelsFirst = { dataFormat: 'channelsFirst' } as const;
const same = { padding: 'same' } as const;
const valid = { padding: 'valid' } as const;

/** tfjs has no gradient of dilated convolutions. */
const untrained = (options: object) => ('dilationRate' in options ? ({ impossible: 'to train' } as const) : {});

const lines: readonly LayerCase[] = Object.entries({
  '': {},
  'with strides': { strides: 2 },
  'same, with strides': { strides: 2, ...same },
  same,
  causal: { padding: 'causal' },
  'causal, dilated': { padding: 'causal', dilationRate: 2 },
  dilated: { dilationRate: 2 },
  'same, dilated': { dilationRate: 2, ...same },
  'without bias, relu': { useBias: false, activation: 'relu' },
} as const).map(([name, options]) =>
  one(
    `conv1d ${name}`,
    [9, 2],
    () => layers.conv1d({ filters: 3, kernelSize: 3, ...options }),
    name.startsWith('causal') ? { impossible: 'to run' } : untrained(options),
  ),
);

const planes = {
  '': {},
  same,
  'with strides': { strides: [2, 1] as [number, number] },
  'same, with strides': { strides: 2, ...same },
  dilated: { dilationRate: 2 },
  'same, dilated': { dilationRate: [2, 1] as [number, number], ...same },
  'without bias, relu': { useBias: false, activation: 'relu' },
  'with tanh': { activation: 'tanh', ...same },
} as const;

const images: readonly LayerCase[] = Object.entries(planes).flatMap(([name, options]) => [
  ...([[], [channelsFirst]] as const).flatMap(([format]) => {
    const [shape, what] = format ? [[2, 7, 6], `${name}, channels first`] : [[7, 6, 2], name];
    return [
      one(
        `conv2d ${what}`,
        shape,
        () => layers.conv2d({ filters: 3, kernelSize: [3, 2], ...options, ...format }),
        untrained(options),
      ),
      one(
        `separableConv2d ${what}`,
        shape,
        () => layers.separableConv2d({ filters: 3, kernelSize: 3, depthMultiplier: 2, ...options, ...format }),
        // tfjs adds the bias along the wrong axis.
        format && !('useBias' in options) && !/^(dilated|with strides),/.test(what)
          ? { impossible: 'to run' }
          : untrained(options),
      ),
      one(`depthwiseConv2d ${what}`, shape, () =>
        layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, ...options, ...format }),
      ),
    ];
  }),
]);

/** tfjs has no gradient of transposed convolutions of volumes. */
const volumes = { impossible: 'to train' } as const;

const wide: readonly LayerCase[] = (
  [
    [3, 1, 'valid'],
    [3, 2, 'valid'],
    [3, 1, 'same'],
    [3, 2, 'same'],
    [2, 3, 'same'],
    [4, 2, 'same'],
  ] as const
).flatMap(([kernelSize, strides, padding]) => {
  const options = { filters: 3, kernelSize, strides, padding };
  const what = `${kernelSize}, strides ${strides}, ${padding}`;
  return [
    one(`conv2dTranspose ${what}`, [4, 3, 2], () => layers.conv2dTranspose(options)),
    one(`conv2dTranspose ${what}, channels first`, [2, 4, 3], () =>
      layers.conv2dTranspose({ ...options, ...channelsFirst }),
    ),
    one(`conv3dTranspose ${what}`, [3, 2, 3, 2], () => layers.conv3dTranspose(options), volumes),
    one(`conv3d ${what}`, [5, 4, 5, 2], () => layers.conv3d(options)),
  ];
});

/** The cpu backend's gradients of resizing are right for one square image alone. */
const resized = { wrongGradient: true } as const;

export const convolutions: readonly LayerCase[] = [
  ...lines,
  ...images,
  ...wide,
  one('conv2dTranspose without bias, relu', [4, 3, 2], () =>
    layers.conv2dTranspose({ filters: 3, kernelSize: [2, 3], strides: [1, 2], useBias: false, activation: 'relu' }),
  ),
  one('conv3d, channels first', [2, 4, 4, 3], () => layers.conv3d({ filters: 3, kernelSize: 2, ...channelsFirst })),
  one('conv3d, tanh, without bias', [4, 4, 3, 2], () =>
    layers.conv3d({ filters: 3, kernelSize: [1, 2, 3], activation: 'tanh', useBias: false }),
  ),
  one('conv3d, dilated', [6, 5, 5, 2], () => layers.conv3d({ filters: 3, kernelSize: 2, dilationRate: 2 }), {
    impossible: 'to train',
  }),
  one(
    'conv3dTranspose, channels first',
    [2, 3, 3, 2],
    () => layers.conv3dTranspose({ filters: 3, kernelSize: 2, ...channelsFirst }),
    volumes,
  ),
  one('cropping2D', [6, 5, 2], () =>
    layers.cropping2D({
      cropping: [
        [1, 2],
        [0, 1],
      ],
    }),
  ),
  one('cropping2D of the same on all sides', [6, 5, 2], () => layers.cropping2D({ cropping: 1 as never })),
  one('cropping2D, channels first', [2, 6, 5], () =>
    layers.cropping2D({
      cropping: [
        [1, 2],
        [0, 1],
      ],
      ...channelsFirst,
    }),
  ),
  one('upSampling2d', [3, 4, 2], () => layers.upSampling2d({ size: [2, 3] }), resized),
  one(
    'upSampling2d, bilinear',
    [3, 4, 2],
    () => layers.upSampling2d({ size: [2, 3], interpolation: 'bilinear' }),
    resized,
  ),
  one(
    'upSampling2d, channels first',
    [2, 3, 4],
    () => layers.upSampling2d({ size: [2, 3], ...channelsFirst }),
    resized,
  ),
  one(
    'upSampling2d, bilinear, channels first',
    [2, 3, 4],
    () => layers.upSampling2d({ size: [3, 2], interpolation: 'bilinear', ...channelsFirst }),
    resized,
  ),
  one('zeroPadding2d', [3, 4, 2], () => layers.zeroPadding2d()),
  one('zeroPadding2d of the same on all sides', [3, 4, 2], () => layers.zeroPadding2d({ padding: 2 })),
  one('zeroPadding2d by axis', [3, 4, 2], () => layers.zeroPadding2d({ padding: [1, 2] })),
  one('zeroPadding2d by side', [3, 4, 2], () =>
    layers.zeroPadding2d({
      padding: [
        [1, 0],
        [2, 3],
      ],
    }),
  ),
  one('zeroPadding2d, channels first', [2, 3, 4], () =>
    layers.zeroPadding2d({
      padding: [
        [1, 0],
        [2, 3],
      ],
      ...channelsFirst,
    }),
  ),
  one('conv2d of one pixel', [4, 3, 2], () => layers.conv2d({ filters: 3, kernelSize: 1, ...valid })),
];
