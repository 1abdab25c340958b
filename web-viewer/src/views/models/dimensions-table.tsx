import type { OpenModel } from '../../state/store.ts';
import { grouped, short } from '../../ui/format.ts';
import { dimensionsOf } from './facts.ts';
import { Wide } from './wide.tsx';

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
        The most informative first, by {withKl ? 'KL divergence in nats per image' : 'variance'}. Mean to largest value
        are over {grouped(images)} {over === 'train' ? 'training' : 'test'} images.
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
