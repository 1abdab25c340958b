import { expect, test } from 'vitest';
import type { MetricsLine } from '../../pipeline/artifacts/metrics.ts';
import { drawKlBars } from '../../pipeline/pictures/bars.ts';
import { drawCurves } from '../../pipeline/pictures/curves.ts';
import { plainColour, quietColour } from '../../pipeline/pictures/palette.ts';
import { decode, pixelsWhere } from './support.ts';
import { type Placed, placedElements, textsOf } from './svg.ts';

const TEST_COLOUR = '#2166ac';

/** A run's metrics: 4 epochs of 200 steps, a line every 50. */
function metricsOf(losses: (epoch: number) => Record<string, number>): MetricsLine[] {
  const line = (split: 'train' | 'test', span: 'steps' | 'epoch', epoch: number, step: number): MetricsLine => ({
    split,
    span,
    epoch,
    step,
    images: 6400,
    time: 1.7e9 + step,
    loss: 0,
    ...losses(step / 200),
  });
  return [1, 2, 3, 4].flatMap((epoch) => [
    ...[50, 100, 150, 200].map((step) => line('train', 'steps', epoch, (epoch - 1) * 200 + step)),
    line('train', 'epoch', epoch, epoch * 200),
    line('test', 'epoch', epoch, epoch * 200),
  ]);
}

const number = (text: string) => Number(text.replace('−', '-'));

/** What position means, from two of an axis's own labels. */
function axisOf(labels: readonly Placed[], along: 'x' | 'y'): (position: number) => number {
  const [a, b] = [labels[0], labels.at(-1)];
  if (!a || !b || a === b) throw new Error('an axis needs two labels');
  const slope = (number(b.text) - number(a.text)) / (b[along] - a[along]);
  return (position) => number(a.text) + slope * (position - a[along]);
}

const isTick = ({ element, text }: Placed) => element === 'text' && /^[−\d.]+$/.test(text);

test('test losses are at their epochs by the axes’ own labels', async () => {
  const value = (epoch: number) => 0.1 + 0.2 / (1 + epoch);
  const { svg } = await drawCurves({
    metrics: metricsOf((epoch) => ({ loss: value(epoch) })),
    unit: 'nats per pixel',
  });
  const placed = placedElements(svg);
  const ticks = placed.filter(isTick);
  const epochAt = axisOf(
    ticks.filter(({ attributes }) => attributes['text-anchor'] === 'middle'),
    'x',
  );
  const lossAt = axisOf(
    ticks.filter(({ attributes }) => attributes['text-anchor'] === 'end'),
    'y',
  );
  const dots = placed.filter(({ attributes }) => attributes.fill === TEST_COLOUR && attributes.d?.includes('A'));
  expect(dots).toHaveLength(4);
  dots.forEach(({ x, y }, i) => {
    expect(epochAt(x)).toBeCloseTo(i + 1, 1);
    expect(lossAt(y - 1) - value(i + 1)).toBeLessThan(0.005); // a label's baseline is a little below its tick
    expect(value(i + 1) - lossAt(y + 6)).toBeLessThan(0.005);
  });
  expect(textsOf(svg)).toEqual(expect.arrayContaining(['epoch', 'loss (nats per pixel)', 'train', 'test']));
});

test('a loss of several terms has a panel with axes for each', async () => {
  const losses = (epoch: number) => ({ loss: 0.3 / (1 + epoch), reconstruction: 0.2 / (1 + epoch), kl: 0.01 * epoch });
  const { svg } = await drawCurves({
    metrics: metricsOf(losses),
    names: { kl: 'KL' },
    factor: 784,
    unit: 'nats per image',
  });
  const texts = textsOf(svg);
  expect(texts).toEqual(expect.arrayContaining(['loss', 'reconstruction', 'KL', 'nats per image']));
  expect(texts.filter((text) => text === 'epoch')).toHaveLength(3);
  expect(texts.filter((text) => text === 'train')).toHaveLength(1);
  const dots = placedElements(svg).filter(
    ({ attributes }) => attributes.fill === TEST_COLOUR && attributes.d?.includes('A'),
  );
  expect(dots).toHaveLength(12);
  expect(Math.max(...texts.filter((text) => /^[\d.]+$/.test(text)).map(Number))).toBeGreaterThan(30); // 784 × 0.04 … 784 × 0.15
});

test('a single term that equals the loss has no panel', async () => {
  const { svg } = await drawCurves({
    metrics: metricsOf((epoch) => ({ loss: 1 / (1 + epoch), reconstruction: 1 / (1 + epoch) })),
  });
  expect(textsOf(svg)).not.toContain('reconstruction');
});

test('before the end of the first epoch the axis counts steps; without metrics there is no chart', async () => {
  const metrics = metricsOf((epoch) => ({ loss: 1 / (1 + epoch) })).slice(0, 3);
  expect(textsOf((await drawCurves({ metrics })).svg)).toEqual(expect.arrayContaining(['training step', '100']));
  await expect(drawCurves({ metrics: [] })).rejects.toThrow(RangeError);
});

test('a single epoch is a point of training and one of testing', async () => {
  const metrics = metricsOf((epoch) => ({ loss: 1 / (1 + epoch) })).filter(
    ({ span, epoch }) => span === 'epoch' && epoch === 1,
  );
  const { svg } = await drawCurves({ metrics });
  const dots = placedElements(svg).filter(
    ({ attributes }) => attributes.d?.includes('A') && attributes.fill !== 'none',
  );
  expect(dots.map(({ attributes }) => attributes.fill)).toEqual(['#e08214', TEST_COLOUR]);
  expect(dots[0]?.x).toBeLessThan(dots[1]?.x ?? 0);
});

test('equal metrics give equal bytes, and two charts can share a page', async () => {
  const [a, b] = [metricsOf((epoch) => ({ loss: 1 / (1 + epoch) })), metricsOf((epoch) => ({ loss: 2 / (1 + epoch) }))];
  const [first, other, again] = await Promise.all([a, b, a].map((metrics) => drawCurves({ metrics })));
  expect(again).toEqual(first);
  const idsOf = (svg = '') => [...svg.matchAll(/\bid="([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(idsOf(first?.svg).length).toBeGreaterThan(0);
  for (const id of idsOf(first?.svg)) {
    expect(first?.svg).toContain(`url(#${id})`);
    expect(idsOf(other?.svg)).not.toContain(id);
  }
});

test('bars show their KL, the largest first', async () => {
  const kl = [1, 0.004, 4, 2];
  const { svg, png } = await drawKlBars({ kl, active: [true, false, true, true] });
  const texts = textsOf(svg);
  const order = ['2', '3', '0', '1'];
  expect(texts.filter((text) => /^[0-3]$/.test(text) && order.includes(text)).slice(0, 4)).toEqual(order);
  expect(texts).toEqual(
    expect.arrayContaining([
      'latent dimension, sorted by KL divergence',
      'KL in nats',
      '4.00',
      '2.00',
      '1.00',
      '0.00',
      'active',
      'inactive',
    ]),
  );
  const bars = [...svg.matchAll(/d="M[^"]*?v(-?[\d.]+)h-[^"]*" fill="(#\w+)"/g)].slice(0, 4); // then the legend's
  const heights = bars.map(([, height, fill]) => ({
    height: Math.abs(Number(height)),
    fill,
  }));
  expect(heights.map(({ fill }) => fill)).toEqual([plainColour, plainColour, plainColour, quietColour]);
  for (const [i, value] of [4, 2, 1, 0.004].entries()) {
    expect((heights[i]?.height ?? 0) / (heights[0]?.height ?? 1)).toBeCloseTo(value / 4, 6);
  }
  const picture = await decode(png);
  const blue = pixelsWhere(picture, (red, green, blue) => red === 0x3a && green === 0x6e && blue === 0xa5, {
    right: picture.width - 250,
  });
  const filled = new Map<number, number>();
  for (const { x } of blue) filled.set(x, (filled.get(x) ?? 0) + 1);
  const columns = [...filled].sort(([a], [b]) => a - b).map(([, count]) => count);
  expect((columns.at(-3) ?? 0) / (columns[3] ?? 1)).toBeCloseTo(0.25, 1);
});

test('many dimensions are bars without numbers', async () => {
  const { svg, width } = await drawKlBars({ kl: Array.from({ length: 128 }, (_, i) => i / 100) });
  expect(textsOf(svg)).not.toContain('77');
  expect(textsOf(svg)).not.toContain('inactive');
  expect(width).toBeLessThan(2200);
});
