import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { chain, type Layer, type LayerCase, one, wired } from './case.ts';

type Make = (options: object) => Layer;

/** Three steps, the fewest that are made a loop. */
const steps = [3, 4] as const;
const sequence = { shape: steps, kind: 'sequence' } as const;
const words = { shape: [3], kind: 'class' } as const;
/** Of the initializers that recurrent layers take, the one that needs no decomposition. */
const plain = { recurrentInitializer: 'glorotNormal' } as const;

const lstm: Make = (options) => layers.lstm({ units: 2, ...plain, ...options });
const gru: Make = (options) => layers.gru({ units: 2, ...plain, ...options });
const simple: Make = (options) => layers.simpleRNN({ units: 2, ...plain, ...options });
const kinds = { lstm, gru, simpleRNN: simple };

const options = {
  '': {},
  'without bias': { useBias: false },
  relu: { activation: 'relu' },
  backwards: { goBackwards: true },
  sequences: { returnSequences: true },
  'sequences, backwards': { returnSequences: true, goBackwards: true },
  state: { returnState: true },
  'state and sequences': { returnState: true, returnSequences: true },
  unrolled: { unroll: true },
  'dropout in inference': { dropout: 0.5, recurrentDropout: 0.5 },
} as const;

const ofEachKind = Object.entries(kinds).flatMap(([kind, make]): LayerCase[] => [
  ...Object.entries(options).map(([name, given]) =>
    one(`${kind} ${name}`, steps, () => make(given), 'dropout' in given ? { training: false } : {}),
  ),
  chain(`${kind} masked`, sequence, () => [layers.masking(), make({})]),
  chain(`${kind} masked, sequences`, sequence, () => [layers.masking(), make({ returnSequences: true })]),
  chain(`${kind} masked, backwards, state`, sequence, () => [
    layers.masking(),
    make({ returnSequences: true, goBackwards: true }),
    make({}),
  ]),
  chain(`${kind} of an embedding with a mask`, words, () => [
    layers.embedding({ inputDim: 7, outputDim: 3, maskZero: true }),
    make({}),
  ]),
  wired(
    `${kind} with an initial state`,
    [steps, ...(kind === 'lstm' ? [[2], [2]] : [[2]])],
    ([x, ...initialState]) =>
      make({ returnSequences: true }).apply(x as SymbolicTensor, { initialState }) as SymbolicTensor,
  ),
  wired(`${kind} encoder and decoder`, [steps, [4, 3]], ([source, target]) => {
    const [, ...initialState] = make({ returnState: true }).apply(source as SymbolicTensor) as SymbolicTensor[];
    const decoded = make({ returnSequences: true }).apply(target as SymbolicTensor, { initialState });
    return layers.dense({ units: 2, activation: 'softmax' }).apply(decoded as SymbolicTensor) as SymbolicTensor;
  }),
  ...(['concat', 'sum', 'ave', 'mul', null] as const).flatMap((mergeMode) =>
    [{}, { returnSequences: true }].map((given) =>
      one(`bidirectional ${kind}, ${mergeMode}${'returnSequences' in given ? ', sequences' : ''}`, steps, () =>
        layers.bidirectional({ layer: make(given) as never, mergeMode: mergeMode as never }),
      ),
    ),
  ),
  chain(`bidirectional ${kind}, masked, state`, sequence, () => [
    layers.masking(),
    layers.bidirectional({ layer: make({ returnSequences: true }) as never, mergeMode: 'concat' }),
  ]),
  one(`bidirectional ${kind}, state`, steps, () =>
    layers.bidirectional({ layer: make({ returnState: true }) as never, mergeMode: 'concat' }),
  ),
  one(`timeDistributed ${kind}`, [2, 3, 2], () => layers.timeDistributed({ layer: make({}) })),
  one(`${kind} of one step`, [1, 3], () => make({ returnSequences: true }), { impossible: 'to train' }),
  one(`${kind} of one unit`, steps, () => make({ units: 1 })),
]);

const cells = {
  lstmCell: () => layers.lstmCell({ units: 2, ...plain }),
  gruCell: () => layers.gruCell({ units: 2, ...plain }),
  simpleRNNCell: () => layers.simpleRNNCell({ units: 2, ...plain }),
};

export const recurrent: readonly LayerCase[] = [
  ...ofEachKind,
  ...([1, 2] as const).flatMap((implementation) => [
    one(`lstm, implementation ${implementation}`, steps, () => lstm({ implementation })),
    one(`gru, implementation ${implementation}`, steps, () => gru({ implementation })),
  ]),
  one('lstm, recurrentActivation sigmoid', steps, () => lstm({ recurrentActivation: 'sigmoid' })),
  one('lstm, unitForgetBias', steps, () => lstm({ unitForgetBias: true })),
  one('lstm, softmax', steps, () => lstm({ activation: 'softmax' })),
  one('gru, recurrentActivation sigmoid', steps, () => gru({ recurrentActivation: 'sigmoid' })),
  one('gru, resetAfter', steps, () => gru({ resetAfter: true }), { impossible: 'to build' }),
  ...Object.entries(cells).flatMap(([name, cell]) => [
    one(`rnn of ${name}`, steps, () => layers.rnn({ cell: cell() as never })),
    one(`rnn of ${name}, sequences, state, backwards`, steps, () =>
      layers.rnn({ cell: cell() as never, returnSequences: true, returnState: true, goBackwards: true }),
    ),
  ]),
  one('rnn of stacked cells', steps, () =>
    layers.rnn({ cell: [cells.gruCell(), cells.simpleRNNCell()] as never, returnSequences: true }),
  ),
  one('rnn of stackedRNNCells', steps, () =>
    layers.rnn({ cell: layers.stackedRNNCells({ cells: [cells.lstmCell(), cells.gruCell()] as never }) as never }),
  ),
  chain('masked rnn of stacked cells', sequence, () => [
    layers.masking(),
    layers.rnn({ cell: [cells.lstmCell(), cells.lstmCell()] as never }),
  ]),
  ...Object.entries({
    '': {},
    'same, sequences': { padding: 'same', returnSequences: true },
    'with strides': { strides: 2 },
    'state, backwards': { returnState: true, goBackwards: true },
    'without bias': { useBias: false },
    dilated: { dilationRate: 2 },
  } as const).map(([name, given]) =>
    one(
      `convLstm2d ${name}`,
      [3, 4, 4, 2],
      () => layers.convLstm2d({ filters: 2, kernelSize: 2, ...plain, ...given }),
      name === 'dilated' ? { impossible: 'to train' } : {},
    ),
  ),
  one('convLstm2d, channels first', [3, 2, 4, 4], () =>
    layers.convLstm2d({ filters: 2, kernelSize: 2, ...plain, dataFormat: 'channelsFirst' }),
  ),
  one(
    'rnn of convLstm2dCell',
    [3, 4, 4, 2],
    () => layers.rnn({ cell: layers.convLstm2dCell({ filters: 2, kernelSize: 2, ...plain }) as never }),
    { impossible: 'to build' },
  ),
];
