import { useState } from 'preact/hooks';
import { Chart } from '../../ui/chart.tsx';
import { Figures } from '../../ui/figure.tsx';
import { counted, grouped, short } from '../../ui/format.ts';
import { lossText, lossUnits, lossUnitText, steady } from '../../ui/loss-units.ts';
import { meaningOf, measureName } from '../../ui/measures.ts';
import { klWeightOf } from './batches.ts';
import { smoothed, WINDOW } from './history.ts';
import type { Training } from './training.ts';

/** Minimum number of steps on the axis, so that the first ones do not jump. */
const LEAST_STEPS = 50;

/** The loss of each step, and its running mean. */
export function LossChart({ training }: { readonly training: Training }) {
  const [hovered, setHovered] = useState<number | null>(null);
  const steps = training.steps.value;
  const { card } = training.exported.value ?? {};
  if (!card) return null;
  const { factor, unit } = lossUnits(card);
  // A training that diverged ends with values that are no numbers.
  const values = training.history.value.of('loss').slice(0, steps).filter(Number.isFinite);
  const scaled = (all: readonly number[]) => all.map((value) => value * factor);
  return (
    <Chart
      title="Loss"
      unit={unit}
      counts="step"
      x={values.map((_, i) => i + 1)}
      end={LEAST_STEPS}
      curves={[
        { name: 'each step', values: scaled(values), look: 'thin' },
        { name: `mean of ${WINDOW}`, values: scaled(smoothed(values)), look: 'main' },
      ]}
      hovered={hovered}
      height={220}
      onHover={setHovered}
    />
  );
}

/** Losses, steps and speed of the training in the page. */
export function Numbers({ training }: { readonly training: Training }) {
  const { computing, exported, history, speed, steps, trainStep } = training;
  const { card } = exported.value ?? {};
  const step = trainStep.value;
  if (!card || !step) return null;
  const units = lossUnits(card);
  const count = steps.value;
  const lossRow = (name: string) => {
    const value = history.value.recent(name);
    const weight = ` Its weight in the loss is ${short(klWeightOf(card))}, as in the model’s training.`;
    const hint = `${meaningOf(name)} The mean over the last ${WINDOW} steps.${name === 'kl' ? weight : ''}`;
    if (name === 'ssim') return [measureName(name), steady(value), hint] as const;
    return [measureName(name), lossText(value, units), hint, lossUnitText(value, units)] as const;
  };
  const perSecond = speed.value === null ? '–' : grouped(Math.round(speed.value));
  return (
    <Figures
      class="train-numbers"
      rows={[
        ...step.losses.map(lossRow),
        [
          'Steps',
          grouped(count),
          `In a step the model sees a batch of ${step.batchSize} images and its weights change a little.`,
        ],
        [
          'Images seen',
          grouped(count * step.batchSize),
          `Steps times the ${step.batchSize} images of a step. The same image may be among them many times.`,
        ],
        ['Speed', perSecond, `Forward and backward pass${computedBy(computing.value)}.`, 'images per second'],
      ]}
    />
  );
}

function computedBy(by: Training['computing']['value']): string {
  if (by === null) return '';
  if (by.provider === 'webgpu') return ', on the GPU (WebGPU)';
  return `, on the CPU with ${counted(by.threads, 'thread')} (WebAssembly)`;
}
