import { drawChart } from './chart.ts';
import { type Drawing, INK } from './drawing.ts';
import { plainColour } from './palette.ts';

const BINS = 60;
const OTHER = '#c52204';

export interface Histogram {
  /** Values of each group, by its name; at most two groups. */
  readonly groups: readonly (readonly [name: string, values: ArrayLike<number>])[];
  readonly axis: string;
  /** A vertical line. */
  readonly threshold: { readonly value: number; readonly name: string };
}

/** Draws how values are distributed: the share of each group in bins of equal width, and a threshold. */
export function drawHistogram({ groups, axis, threshold }: Histogram): Promise<Drawing> {
  const all = groups.flatMap(([, values]) => Array.from(values));
  const high = Math.max(threshold.value, quantile(all, 0.995)) * 1.05 || 1;
  const width = high / BINS;
  const bins = groups.flatMap(([group, values]) => {
    const counts = new Float64Array(BINS + 1);
    for (const value of Array.from(values)) {
      const bin = Math.min(BINS, Math.max(0, Math.floor(value / width)));
      counts[bin] = (counts[bin] as number) + 1;
    }
    return Array.from(counts, (count, bin) => ({
      group,
      from: bin * width,
      to: (bin + 1) * width,
      share: count / Math.max(1, values.length),
    }));
  });
  const names = groups.map(([name]) => name);
  const x = { field: 'from', type: 'quantitative', bin: 'binned', axis: { title: axis, tickCount: 8 } };
  return drawChart({
    width: 640,
    height: 260,
    layer: [
      {
        data: { values: bins },
        mark: { type: 'bar', opacity: 0.6, binSpacing: 0 },
        encoding: {
          x,
          x2: { field: 'to' },
          y: {
            field: 'share',
            type: 'quantitative',
            stack: null,
            axis: { title: 'share of the images', format: '.0%', tickCount: 5 },
          },
          color: {
            field: 'group',
            type: 'nominal',
            scale: { domain: names, range: [plainColour, OTHER] },
            legend: { title: null, symbolType: 'square', symbolSize: 120 },
          },
        },
      },
      {
        data: { values: [threshold] },
        mark: { type: 'rule', color: INK, strokeDash: [4, 3] },
        encoding: { x: { field: 'value', type: 'quantitative' } },
      },
      {
        data: { values: [threshold] },
        mark: { type: 'text', align: 'left', dx: 5, y: 8 },
        encoding: { x: { field: 'value', type: 'quantitative' }, text: { field: 'name', type: 'nominal' } },
      },
    ],
  });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}
