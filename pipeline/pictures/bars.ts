import type { TopLevelSpec } from 'vega-lite';
import { drawChart } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { plainColour, quietColour } from './palette.ts';

const MOST_WIDTH = 900;
/** Bars that can each bear their dimension's number. */
const NUMBERED = 45;
/** Bars that are wide enough for their values above them. */
const VALUED = 24;

export interface KlBars {
  /** KL divergence of each latent dimension from the prior, in nats, `[size]`. */
  readonly kl: ArrayLike<number>;
  /** Which dimensions are active, `[size]`; without it all bars look alike. */
  readonly active?: readonly boolean[] | undefined;
  readonly title?: string | undefined;
}

/** KL per latent dimension as bars, the largest first; dimensions that are not active stand back. */
export function drawKlBars({ kl, active, title }: KlBars): Promise<Drawing> {
  const size = kl.length;
  const bars = Array.from({ length: size }, (_, dimension) => ({
    dimension,
    kl: kl[dimension] ?? 0,
    state: active && !active[dimension] ? 'inactive' : 'active',
  })).sort((a, b) => b.kl - a.kl || a.dimension - b.dimension);
  const step = Math.min(48, Math.max(4, MOST_WIDTH / Math.max(1, size)));
  const numbered = size <= NUMBERED;
  return drawChart({
    ...(title === undefined ? {} : { title }),
    data: { values: bars },
    width: Math.max(240, step * size),
    height: 280,
    encoding: {
      x: {
        field: 'dimension',
        type: 'nominal',
        sort: bars.map(({ dimension }) => dimension),
        scale: { paddingInner: numbered ? 0.25 : 0.1, paddingOuter: 0.2 },
        axis: { title: 'latent dimension, by its KL', labels: numbered, ticks: numbered, labelAngle: 0 },
      },
      y: { field: 'kl', type: 'quantitative', axis: { title: 'KL in nats', tickCount: 6 }, scale: { zero: true } },
    },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: {
          color: {
            field: 'state',
            type: 'nominal',
            scale: { domain: ['active', 'inactive'], range: [plainColour, quietColour] },
            legend: active?.includes(false) ? { title: null, symbolType: 'square', symbolSize: 120 } : null,
          },
        },
      },
      ...(size <= VALUED ? [valueLayer] : []),
    ],
  } as TopLevelSpec);
}

const valueLayer = {
  mark: { type: 'text', baseline: 'bottom', dy: -3, fontSize: 11 },
  encoding: { text: { field: 'kl', type: 'quantitative', format: '.2f' } },
};
