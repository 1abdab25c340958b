import { type Card, heldOutOf } from '../../site/schema.ts';
import type { OpenModel } from '../../state/store.ts';
import { Hint } from '../../ui/figure.tsx';
import { capital, grouped, short, splitName } from '../../ui/format.ts';
import { meaningOf } from '../../ui/measures.ts';
import { type Column, Table } from '../../ui/table.tsx';
import { type Dimension, dimensionsOf } from '../latent/dimensions.ts';
import { type Measure, measuresOf, unitOf, valuesOf } from './texts.ts';

/** The latent dimensions over the test images, the most informative first. */
export function DimensionsTable({ model: { card, manifest } }: { readonly model: OpenModel }) {
  const rows = dimensionsOf(card, manifest);
  const withKl = manifest.dimensions.kl !== null;
  const sizeOf = ({ kl, variance }: Dimension) => kl ?? variance;
  const most = Math.max(1e-9, ...rows.map(sizeOf));
  const { images, over } = card.latent.statistics;
  const sum = rows.reduce((sum, { kl }) => sum + (kl ?? 0), 0);
  const columns: Column<Dimension>[] = [
    { name: 'Dimension', cell: ({ index }) => `z${index}` },
    {
      name: 'Relative',
      look: 'bar',
      cell: (row) => <span style={{ width: `${(100 * Math.max(0, sizeOf(row))) / most}%` }} />,
    },
    ...(withKl ? [{ name: 'KL, nats', cell: ({ kl }: Dimension) => short(kl ?? Number.NaN) }] : []),
    { name: 'Variance', cell: ({ variance }) => short(variance) },
    { name: 'Mean', cell: ({ mean }) => short(mean) },
    { name: 'Standard deviation', cell: ({ std }) => short(std) },
    { name: 'Smallest', cell: ({ min }) => short(min) },
    { name: 'Largest', cell: ({ max }) => short(max) },
  ];
  return (
    <section>
      <h3>Latent dimensions</h3>
      <p class="say">
        The most informative first, by {withKl ? 'KL divergence in nats per image' : 'variance'}. The columns from mean
        to largest are over {grouped(images)} {splitName(over)} images.
        {withKl && ` Total: ${short(sum, 4)} nats per image.`}
      </p>
      <Table name="Dimensions" columns={columns} rows={rows} keyOf={({ index }) => index} />
    </section>
  );
}

/** The losses and their terms, per pixel and per image. */
export function MeasuresTable({ card }: { readonly card: Card }) {
  const held = capital(splitName(heldOutOf(card).split));
  const number = (value: number | null) => (value === null ? '–' : short(value, 4));
  const columns: Column<Measure>[] = [
    {
      name: 'Measure',
      cell: ({ name }) => (
        <>
          {name === 'kl' ? 'KL' : name} <Hint about={name} text={meaningOf(name)} />
        </>
      ),
    },
    { name: `${held}, per pixel`, cell: ({ test }) => number(test) },
    { name: `${held}, per image`, cell: ({ testImage }) => number(testImage) },
    { name: 'Training, per pixel', cell: ({ train }) => number(train) },
    { name: 'Training, per image', cell: ({ trainImage }) => number(trainImage) },
  ];
  return (
    <section>
      <h3>Losses</h3>
      <p class="say">
        In {unitOf(card)}. The value per image is the sum over its {grouped(valuesOf(card))} pixels
        {card.image.channels > 1 && ', each colour channel counted separately'}.
      </p>
      <Table name="Measures" class="measures" columns={columns} rows={measuresOf(card)} keyOf={({ name }) => name} />
    </section>
  );
}
