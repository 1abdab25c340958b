import { drawChart } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { plainColour, quietColour } from './palette.ts';

const MAX_WIDTH = 900;
/** Up to this many bars are labelled with their dimension, and up to that many with their value. */
const MAX_LABELLED = 45;
const MAX_VALUES = 24;

export interface KlBars {
  /** KL divergence of each latent dimension from the prior, in nats, `[size]`. */
  readonly kl: ArrayLike<number>;
  /** Which dimensions are active, `[size]`; all by default. */
  readonly active?: readonly boolean[] | undefined;
}

/** Draws the KL of each latent dimension as a bar, the largest first, inactive dimensions in gray. */
export function drawKlBars({ kl, active }: KlBars): Promise<Drawing> {
  const size = kl.length;
  const bars = Array.from({ length: size }, (_, dimension) => ({
    dimension,
    kl: kl[dimension] ?? 0,
    state: active && !active[dimension] ? 'inactive' : 'active',
  })).sort((a, b) => b.kl - a.kl || a.dimension - b.dimension);
  const labels = size <= MAX_LABELLED;
  const x = {
    field: 'dimension',
    type: 'nominal',
    sort: bars.map(({ dimension }) => dimension),
    scale: { paddingInner: labels ? 0.25 : 0.1, paddingOuter: 0.2 },
    axis: { title: 'latent dimension, sorted by KL divergence', labels, ticks: labels, labelAngle: 0 },
  };
  const color = {
    field: 'state',
    type: 'nominal',
    scale: { domain: ['active', 'inactive'], range: [plainColour, quietColour] },
    legend: active?.includes(false) ? { title: null, symbolType: 'square', symbolSize: 120 } : null,
  };
  const values = {
    mark: { type: 'text', baseline: 'bottom', dy: -3, fontSize: 11 },
    encoding: { text: { field: 'kl', type: 'quantitative', format: '.2f' } },
  };
  return drawChart({
    data: { values: bars },
    width: Math.max(240, size * Math.min(48, Math.max(4, MAX_WIDTH / Math.max(1, size)))),
    height: 280,
    encoding: {
      x,
      y: { field: 'kl', type: 'quantitative', axis: { title: 'KL in nats', tickCount: 6 }, scale: { zero: true } },
    },
    layer: [{ mark: { type: 'bar' }, encoding: { color } }, ...(size <= MAX_VALUES ? [values] : [])],
  });
}
