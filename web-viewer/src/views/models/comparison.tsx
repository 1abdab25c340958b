import { useEffect } from 'preact/hooks';
import { type Card, heldOutOf } from '../../site/schema.ts';
import { cards, readCards } from '../../state/cards.ts';
import { openModel, reopen, visitorModels } from '../../state/open.ts';
import { model, modelName, site } from '../../state/store.ts';
import { bytes, dataName, grouped, short } from '../../ui/format.ts';
import { kindOf, shapeOf, valuesOf } from './facts.ts';
import { Wide } from './tables.tsx';

interface Row {
  readonly key: string;
  readonly name: string;
  readonly card: Card | null | undefined;
  readonly open: boolean;
  choose(): void;
}

/** A table of the site's models and those that the visitor has opened. */
export function Comparison() {
  useEffect(() => void readCards(), []);
  const rows: Row[] = [
    ...(site.value?.models ?? []).map(({ name }) => ({
      key: `site/${name}`,
      name,
      card: cards.value.get(name),
      open: name === modelName.value,
      choose: () => void openModel(name),
    })),
    ...visitorModels.value.map((opened, index) => ({
      key: `visitor/${index}`,
      name: opened.name,
      card: opened.card,
      open: opened === model.value,
      choose: () => void reopen(opened),
    })),
  ];
  return (
    <section>
      <h3>All models</h3>
      <p class="say">
        Losses on test images, summed over an image, in nats, squared or absolute error. Choose a model to open it.
      </p>
      <Wide name="Models">
        <table class="numbers comparison">
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col" class="words">
                Kind
              </th>
              <th scope="col" class="words">
                Data
              </th>
              <th scope="col" class="words">
                Image
              </th>
              <th scope="col">Latent size</th>
              <th scope="col">Loss</th>
              <th scope="col">Reconstruction</th>
              <th scope="col">KL</th>
              <th scope="col">Epochs</th>
              <th scope="col">Size</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.key} aria-current={row.open ? 'true' : undefined} data-row={row.name}>
                <th scope="row">
                  <button type="button" class="text-button" onClick={row.choose}>
                    {row.name}
                  </button>
                </th>
                <Cells card={row.card} />
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </section>
  );
}

function Cells({ card }: { readonly card: Card | null | undefined }) {
  if (!card) {
    return (
      <td colSpan={9} class="words quiet">
        {card === null ? 'its card cannot be read' : '…'}
      </td>
    );
  }
  const loss = (name: string) => {
    const value = heldOutOf(card).losses[name];
    return value === undefined ? '–' : short(value * valuesOf(card), 4);
  };
  const size = Object.values(card.files).reduce((sum, file) => sum + file.bytes, 0);
  return (
    <>
      <td class="words">{kindOf(card)}</td>
      <td class="words">{dataName(card.dataset.name)}</td>
      <td class="words">{shapeOf(card)}</td>
      <td>{grouped(card.latent.size)}</td>
      <td>{loss('loss')}</td>
      <td>{loss('reconstruction')}</td>
      <td>{loss('kl')}</td>
      <td>{grouped(card.training.epochs)}</td>
      <td>{bytes(size)}</td>
    </>
  );
}
