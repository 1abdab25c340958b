import type { ComponentChildren } from 'preact';
import { type Card, heldOutOf } from '../../site/schema.ts';
import type { OpenModel } from '../../state/store.ts';
import { Hint } from '../../ui/figure.tsx';
import { grouped, short } from '../../ui/format.ts';
import { dimensionsOf, meaningOf, measuresOf, unitOf, valuesOf } from './facts.ts';

/** The latent dimensions over the test images, the most informative first. */
export function DimensionsTable({ model: { card, manifest } }: { readonly model: OpenModel }) {
  const rows = dimensionsOf(card, manifest.dimensions);
  const withKl = manifest.dimensions.kl !== null;
  const size = (row: (typeof rows)[number]) => row.kl ?? row.variance;
  const most = Math.max(1e-9, ...rows.map(size));
  const { images, over } = card.latent.statistics;
  const sum = rows.reduce((sum, { kl }) => sum + (kl ?? 0), 0);
  return (
    <section>
      <h3>Latent dimensions</h3>
      <p class="say">
        The most informative first, by {withKl ? 'KL divergence in nats per image' : 'variance'}. The columns from mean
        to largest are over {grouped(images)} {{ train: 'training', val: 'validation', test: 'test' }[over]} images.
        {withKl && ` Total: ${short(sum, 4)} nats per image.`}
      </p>
      <Wide name="Dimensions">
        <table class="numbers dimensions">
          <thead>
            <tr>
              <th scope="col">Dimension</th>
              <td aria-hidden="true" />
              {withKl && <th scope="col">KL, nats</th>}
              <th scope="col">Variance</th>
              <th scope="col">Mean</th>
              <th scope="col">Standard deviation</th>
              <th scope="col">Smallest</th>
              <th scope="col">Largest</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.index} data-dimension={row.index}>
                <th scope="row">z{row.index}</th>
                <td class="bar" aria-hidden="true">
                  <span style={{ width: `${(100 * Math.max(0, size(row))) / most}%` }} />
                </td>
                {withKl && <td>{short(row.kl ?? Number.NaN)}</td>}
                <td>{short(row.variance)}</td>
                <td>{short(row.mean)}</td>
                <td>{short(row.std)}</td>
                <td>{short(row.min)}</td>
                <td>{short(row.max)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </section>
  );
}

/** The losses and their terms, per pixel and per image. */
export function MeasuresTable({ card }: { readonly card: Card }) {
  const held = heldOutOf(card).split === 'val' ? 'Validation' : 'Test';
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
              <th scope="col">{held}, per pixel</th>
              <th scope="col">{held}, per image</th>
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

/** A scrollable container for a table wider than the page, also by keyboard. */
export function Wide({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard
    <section class="scroll" aria-label={name} tabIndex={0}>
      {children}
    </section>
  );
}
