import { useState } from 'preact/hooks';
import { Chart } from '../../ui/chart.tsx';
import { lossUnits } from '../../ui/loss-units.ts';
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
