import type { Card } from '../../site/schema.ts';
import { grouped, short } from '../../ui/format.ts';
import { Hint } from '../../ui/hint.tsx';
import { meaningOf, measuresOf, unitOf, valuesOf } from './facts.ts';
import { Wide } from './wide.tsx';

/** The losses and their terms, per pixel and per image. */
export function MeasuresTable({ card }: { readonly card: Card }) {
  const number = (value: number | null) => (value === null ? '–' : short(value, 4));
  return (
    <section>
      <h3>Losses</h3>
      <p class="say">
        In {unitOf(card)}. The value per image is the sum over its {grouped(valuesOf(card))} pixels
        {card.image.channels > 1 && ', each colour channel counted separately'}.
      </p>
      <Wide name="Measures">
        <table class="numbers measures">
          <thead>
            <tr>
              <th scope="col">Measure</th>
              <th scope="col">Test, per pixel</th>
              <th scope="col">Test, per image</th>
              <th scope="col">Training, per pixel</th>
              <th scope="col">Training, per image</th>
            </tr>
          </thead>
          <tbody>
            {measuresOf(card).map(({ name, test, testImage, train, trainImage }) => (
              <tr key={name} data-measure={name}>
                <th scope="row">
                  {name === 'kl' ? 'KL' : name} <Hint about={name} text={meaningOf(name)} />
                </th>
                <td>{number(test)}</td>
                <td>{number(testImage)}</td>
                <td>{number(train)}</td>
                <td>{number(trainImage)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </section>
  );
}
