import type { TopLevelSpec } from 'vega-lite';
import type { MetricsLine } from '../artifacts/metrics.ts';
import { drawChart } from './chart.ts';
import { type Drawing, INK } from './drawing.ts';

const COLOURS = { train: '#e08214', test: '#2166ac' };
/** Epochs whose test losses have a dot each; more would run together. */
const MOST_DOTS = 40;
/** One of several panels. */
const PANEL = { width: 330, height: 280 };
/** What a line says besides losses. */
const NOT_LOSSES = new Set(['split', 'span', 'epoch', 'step', 'images', 'rate', 'time']);

export interface Curves {
  /** The lines of a run's `metrics.jsonl`, in their order. */
  readonly metrics: readonly MetricsLine[];
  readonly title?: string | undefined;
  /** Unit of the losses, such as `nats per pixel`. */
  readonly unit?: string | undefined;
  /** What a loss's panel is headed, by the loss's name; the name itself by default. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  /** Multiplies every loss: 784 makes nats per image of nats per pixel of 28 × 28. */
  readonly factor?: number | undefined;
}

interface Point {
  /** Epochs of training done. */
  readonly epoch: number;
  readonly value: number;
  readonly split: 'train' | 'test';
}

/**
 * Losses over the epochs: training as the means over steps, in the middle of the steps that they are of, test after each epoch; a
 * panel for the loss and, where it has several terms, for each of them. A loss's first steps may lie above its panel.
 * @throws RangeError when there is nothing to draw
 */
export async function drawCurves({ metrics, title, unit, names = {}, factor = 1 }: Curves): Promise<Drawing> {
  const panels = lossesOf(metrics).map((loss) => ({ loss, points: pointsOf(metrics, loss, factor) }));
  if (panels.every(({ points }) => points.length === 0)) throw new RangeError('there are no metrics to draw');
  const heading = title === undefined ? {} : { title };
  const [only] = panels;
  if (panels.length === 1 && only) {
    const name = names[only.loss] ?? only.loss;
    const axisTitle = unit === undefined ? name : `${name} (${unit})`;
    return drawChart({ ...heading, width: 600, height: 340, ...panel(only.points, axisTitle) } as TopLevelSpec);
  }
  return drawChart({
    ...heading,
    hconcat: panels.map(({ loss, points }, i) => ({
      width: PANEL.width,
      height: PANEL.height,
      ...panel(points, i === 0 ? unit : undefined, names[loss] ?? loss),
    })),
    bounds: 'flush',
    spacing: 76,
  } as unknown as TopLevelSpec);
}

/** `loss`, and its terms where there are several. */
function lossesOf(metrics: readonly MetricsLine[]): string[] {
  const numbers = metrics.flatMap((line) => Object.entries(line).filter(([, value]) => typeof value === 'number'));
  const terms = new Set(numbers.map(([name]) => name).filter((name) => !NOT_LOSSES.has(name) && name !== 'loss'));
  return terms.size > 1 ? ['loss', ...terms] : ['loss'];
}

function pointsOf(metrics: readonly MetricsLine[], loss: string, factor: number): Point[] {
  const stepsOfEpoch = stepsPerEpoch(metrics);
  const bySteps = metrics.filter(({ span }) => span === 'steps');
  const epochs = metrics.filter(({ span, split }) => span === 'epoch' && split === 'train');
  // Where epochs have few lines of steps, the means over whole epochs are the better curve.
  const train = bySteps.length >= 2 * epochs.length ? bySteps : epochs;
  const lossOf = (line: MetricsLine): number => Number(line[loss]) * factor;
  const points: Point[] = [];
  let before = 0;
  for (const line of train) {
    points.push({ epoch: (before + line.step) / 2 / stepsOfEpoch, value: lossOf(line), split: 'train' });
    before = line.step;
  }
  for (const line of metrics) {
    if (line.split === 'test') points.push({ epoch: line.step / stepsOfEpoch, value: lossOf(line), split: 'test' });
  }
  return points.filter(({ value }) => Number.isFinite(value));
}

/** Steps of a whole epoch; 1, so that the axis counts steps, while there is none. */
function stepsPerEpoch(metrics: readonly MetricsLine[]): number {
  const whole = metrics.find(({ span }) => span === 'epoch');
  return whole ? whole.step / whole.epoch : 1;
}

function panel(points: readonly Point[], unit: string | undefined, heading?: string): object {
  const [least, most] = rangeOf(points);
  const last = Math.max(...points.map(({ epoch }) => epoch));
  const inEpochs = points.some(({ split }) => split === 'test');
  const encoding = {
    x: {
      field: 'epoch',
      type: 'quantitative',
      scale: { domain: [0, last], nice: false },
      axis: {
        title: inEpochs ? 'epoch' : 'training step',
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
      scale: { domain: [least, most], nice: false, zero: false },
      axis: { title: unit ?? null, tickCount: 6 },
    },
    color: {
      field: 'split',
      type: 'nominal',
      scale: { domain: ['train', 'test'], range: [COLOURS.train, COLOURS.test] },
      legend: { title: null, symbolType: 'stroke', symbolStrokeWidth: 3, symbolSize: 250, symbolOpacity: 1 },
    },
  };
  const of = (split: string) => ({ values: points.filter((point) => point.split === split) });
  const line = { type: 'line', strokeJoin: 'round' };
  const isLong = points.filter(({ split }) => split === 'test').length > MOST_DOTS;
  const dots = { data: of('test'), mark: { type: 'circle', size: 40, opacity: 1 } };
  return {
    encoding,
    layer: [
      { data: of('train'), mark: { ...line, clip: true, strokeWidth: isLong ? 1.2 : 1.6 } },
      { data: of('test'), mark: { ...line, strokeWidth: 2.2 } },
      ...(isLong ? [] : [dots]),
      ...(heading === undefined ? [] : [headingLayer(heading)]),
    ],
  };
}

/** A panel's heading as text of its own: Vega would put a title higher where the labels of an axis reach up. */
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

/** From the least value to the highest after the start, where a loss falls so fast that nothing else could be seen. */
function rangeOf(points: readonly Point[]): [number, number] {
  const end = Math.max(...points.map(({ epoch }) => epoch));
  const settled = points.filter(({ split, epoch }) => split === 'test' || epoch > Math.min(0.5, end / 4));
  const least = Math.min(...points.map(({ value }) => value));
  const most = Math.max(...settled.map(({ value }) => value));
  const room = (most - least || Math.abs(most) || 1) * 0.06;
  return [least - room, most + room];
}
