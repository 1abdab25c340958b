import { layers } from '@tensorflow/tfjs-layers';
import { chain, type Step, type Symbolic } from './chain.ts';
import { groupNormalization } from './group-norm.ts';
import { conv, dense, type Layer } from './layers.ts';
import { channelsAt, evenSize, everyHalving, margins, stagesOf } from './margins.ts';
import type { ModelSize } from './model.ts';
import { upConv } from './up-conv.ts';

const silu = (name: string): Layer => layers.activation({ name, activation: 'swish' });

/** A residual block with pre-activation (He et al. 2016): x + conv(silu(norm(conv(silu(norm(x)))))). */
function residualBlock(name: string, channels: number, seed: number): Step {
  const half = (i: 1 | 2): Step[] => [
    groupNormalization(`${name}_norm${i}`, channels),
    silu(`${name}_silu${i}`),
    conv({ name: `${name}_conv${i}`, inputs: channels, filters: channels, kernelSize: 3, seed }),
  ];
  const add = layers.add({ name: `${name}_add` });
  return (x) => add.apply([x, chain(x, [...half(1), ...half(2)])]) as Symbolic;
}

/** What follows the first halving, in full width and height too costly for a block: silu. After each other one: a block. */
const after = (size: ModelSize, halving: number): Step =>
  halving === 1 ? silu('silu1') : residualBlock(`block${halving}`, channelsAt(size, halving), size.seed);

/** Height, width and channels of the smallest feature map: `[4, 4, 128]` for 28×28 and 32×32. */
function smallest(size: ModelSize): [number, number, number] {
  const { halvings } = stagesOf(size);
  const [height, width] = evenSize(size);
  return [height / 2 ** halvings, width / 2 ** halvings, channelsAt(size, halvings)];
}

/**
 * down1, block2, …: `[N, 32, 32, C]` → `[N, 16, 16, 32]` → `[N, 8, 8, 64]` → `[N, 4, 4, 128]` → features `[N, 2048]`; images of
 * other sizes are padded first.
 */
export function residualEncoder(size: ModelSize, inputs = size.channels): Step[] {
  const halvings = everyHalving(size).flatMap((i): Step[] => {
    const channels = { inputs: i === 1 ? inputs : channelsAt(size, i - 1), filters: channelsAt(size, i) };
    const kernelSize = i === 1 ? 5 : 3;
    return [conv({ name: `down${i}`, ...channels, kernelSize, strides: 2, seed: size.seed }), after(size, i)];
  });
  const [, , channels] = smallest(size);
  const end = [groupNormalization('norm', channels), silu('silu'), layers.flatten({ name: 'flatten' })];
  return [...margins('pad', size, evenSize(size)), ...halvings, ...end];
}

/** A dense layer from the features to the latent, or to another vector of its size: `[N, 2048]` → `[N, D]`. */
export function denseLatent(size: ModelSize, name: string): Layer[] {
  const inputs = smallest(size).reduce((product, side) => product * side, 1);
  return [dense({ name, inputs, units: size.latent, seed: size.seed })];
}

/**
 * expand, block3, up3, …: `[N, inputs]` → `[N, 4, 4, 128]` → `[N, 8, 8, 64]` → `[N, 16, 16, 32]` → logits `[N, 32, 32, C]`, and
 * images of other sizes cropped from it.
 */
export function residualDecoder(size: ModelSize, inputs = size.latent): Step[] {
  const { seed } = size;
  const shape = smallest(size);
  const units = shape.reduce((product, side) => product * side, 1);
  const doublings = everyHalving(size).map((i): Step[] => {
    const filters = i === 1 ? size.channels : channelsAt(size, i - 1);
    return [after(size, i), upConv({ name: `up${i}`, inputs: channelsAt(size, i), filters, seed })];
  });
  return [
    dense({ name: 'expand', inputs, units, seed }),
    layers.reshape({ name: 'reshape', targetShape: shape }),
    ...doublings.reverse().flat(),
    ...margins('crop', size, evenSize(size)),
  ];
}
