import type { MetricsLine } from '../artifacts/metrics.ts';
import { drawChart } from './chart.ts';
import { type Drawing, INK } from './drawing.ts';

const COLOURS = { train: '#e08214', val: '#1b9e77', test: '#2166ac' };
/** Up to this many losses of evaluations are drawn with dots; more would merge. */
const MAX_DOTS = 40;
/** Size of one of several panels. */
const PANEL = { width: 330, height: 280 };
/** Numbers in a line of metrics other than losses. */
const NOT_LOSSES = new Set(['split', 'span', 'epoch', 'step', 'images', 'rate', 'time']);

export interface Curves {
  /** The lines of a run's `metrics.jsonl`, in their order. */
  readonly metrics: readonly MetricsLine[];
  /** Unit of the losses, such as `nats per pixel`. */
  readonly unit?: string | undefined;
  /** Heading of a loss's panel, by the loss's name; the name itself by default. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  /** Multiplies every loss: 784 turns nats per pixel of 28 × 28 into nats per image. */
  readonly factor?: number | undefined;
}

/**
 * Draws losses over the epochs: training as means over steps, each in the middle of its steps, evaluations after each epoch; a
 * panel for the loss and, where it has several terms, for each of them. A loss's first steps may be above its panel.
 * @throws RangeError when there is nothing to draw
 */
export async function drawCurves({ metrics, unit, names = {}, factor = 1 }: Curves): Promise<Drawing> {
  const panels = lossesOf(metrics).map((loss) => ({
    name: names[loss] ?? loss,
    points: pointsOf(metrics, loss, factor),
  }));
  if (panels.every(({ points }) => points.length === 0)) throw new RangeError('there are no metrics to draw');
  const [only] = panels;
  if (panels.length === 1 && only) {
    const axisTitle = unit === undefined ? only.name : `${only.name} (${unit})`;
    return drawChart({ width: 600, height: 340, ...panel(only.points, axisTitle) });
  }
  const hconcat = panels.map(({ name, points }, i) => ({
    ...PANEL,
    ...panel(points, i === 0 ? unit : undefined, name),
  }));
  return drawChart({ hconcat, bounds: 'flush', spacing: 76 });
}

/** `loss`, and its terms where there are several. */
function lossesOf(metrics: readonly MetricsLine[]): string[] {
  const numbers = metrics.flatMap((line) => Object.entries(line).filter(([, value]) => typeof value === 'number'));
  const terms = new Set(numbers.map(([name]) => name).filter((name) => !NOT_LOSSES.has(name) && name !== 'loss'));
  return terms.size > 1 ? ['loss', ...terms] : ['loss'];
}

type Points = ReturnType<typeof pointsOf>;

/** A loss by the epochs of training done. */
function pointsOf(metrics: readonly MetricsLine[], loss: string, factor: number) {
  const firstEpoch = metrics.find(({ span }) => span === 'epoch');
  const stepsPerEpoch = firstEpoch ? firstEpoch.step / firstEpoch.epoch : 1; // the axis counts steps before the first
  const bySteps = metrics.filter(({ span }) => span === 'steps');
  const epochs = metrics.filter(({ span, split }) => span === 'epoch' && split === 'train');
  // Where there are few means over steps, the means over epochs give the better curve.
  const train = bySteps.length >= 2 * epochs.length ? bySteps : epochs;
  const evaluated = metrics.filter(({ split }) => split !== 'train');
  const pointAt = (step: number, line: MetricsLine) => ({
    epoch: step / stepsPerEpoch,
    value: Number(line[loss]) * factor,
    split: line.split,
  });
  return [
    ...train.map((line, i) => pointAt(((train[i - 1]?.step ?? 0) + line.step) / 2, line)),
    ...evaluated.map((line) => pointAt(line.step, line)),
  ].filter(({ value }) => Number.isFinite(value));
}

function panel(points: Points, unit: string | undefined, heading?: string): object {
  const evaluated = points.filter(({ split }) => split !== 'train');
  const splits = (['train', 'val', 'test'] as const).filter(
    (split) => split !== 'val' || points.some((point) => point.split === split),
  );
  const encoding = {
    x: {
      field: 'epoch',
      type: 'quantitative',
      scale: { domain: [0, Math.max(...points.map(({ epoch }) => epoch))], nice: false },
      axis: {
        title: evaluated.length > 0 ? 'epoch' : 'training step',
        tickMinStep: 1,
        tickCount: 8,
        grid: false,
        labelFlush: false,
        format: ',d',
      },
    },
    y: {
      field: 'value',
      type: 'quantitative',
      scale: { domain: rangeOf(points), nice: false, zero: false },
      axis: { title: unit ?? null, tickCount: 6 },
    },
    color: {
      field: 'split',
      type: 'nominal',
      scale: { domain: splits, range: splits.map((split) => COLOURS[split]) },
      legend: { title: null, symbolType: 'stroke', symbolStrokeWidth: 3, symbolSize: 250, symbolOpacity: 1 },
    },
  };
  const train = points.filter(({ split }) => split === 'train');
  const dots = train.length === 1 ? points : evaluated; // a line needs two points
  const line = { type: 'line', strokeJoin: 'round' };
  const isLong = evaluated.length > (splits.length - 1) * MAX_DOTS;
  return {
    encoding,
    layer: [
      { data: { values: train }, mark: { ...line, clip: true, strokeWidth: isLong ? 1.2 : 1.6 } },
      { data: { values: evaluated }, mark: { ...line, strokeWidth: 2.2 } },
      ...(isLong ? [] : [{ data: { values: dots }, mark: { type: 'circle', size: 40, opacity: 1 } }]),
      ...(heading === undefined ? [] : [headingLayer(heading)]),
    ],
  };
}

/** A panel's heading as a text mark: Vega would place a title higher where the labels of an axis reach up. */
const headingLayer = (heading: string): object => ({
  data: { values: [{}] },
  mark: { type: 'text', fontSize: 13, baseline: 'bottom' },
  encoding: {
    x: { value: PANEL.width / 2 },
    y: { value: -10 },
    text: { value: heading },
    color: { value: INK },
  },
});

/** From the lowest value to the highest after the start, where a loss falls so fast that the rest would look flat. */
function rangeOf(points: Points): [number, number] {
  const end = Math.max(...points.map(({ epoch }) => epoch));
  const settled = points.filter(({ split, epoch }) => split !== 'train' || epoch > Math.min(0.5, end / 4));
  const low = Math.min(...points.map(({ value }) => value));
  const high = Math.max(...settled.map(({ value }) => value));
  const margin = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - margin, high + margin];
}
