import { type Card, heldOutOf } from '../../site/schema.ts';
import { Hint } from '../../ui/figure.tsx';
import { capital, grouped, short, splitName } from '../../ui/format.ts';
import { meaningOf } from '../../ui/measures.ts';
import { type Column, Table } from '../../ui/table.tsx';
import { type Measure, measuresOf, unitOf, valuesOf } from './texts.ts';

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
    <section class="stack">
      <h3>Losses</h3>
      <p class="say">
        In {unitOf(card)}. The value per image is the sum over its {grouped(valuesOf(card))} pixels
        {card.image.channels > 1 && ', each colour channel counted separately'}.
      </p>
      <Table name="Measures" class="measures" columns={columns} rows={measuresOf(card)} keyOf={({ name }) => name} />
    </section>
  );
}
