import { useSignal } from '@preact/signals';
import { useMemo, useState } from 'preact/hooks';
import { cards } from '../../state/cards.ts';
import { showLatent } from '../../state/explore.ts';
import { engine, label, type OpenModel, seed, site } from '../../state/store.ts';
import { Button } from '../../ui/controls.tsx';
import { savePng } from '../../ui/png.ts';
import { sheet } from '../../ui/sheet.ts';
import { CardFigures } from './card-figures.tsx';
import { type CellPosition, Grid } from './grid.tsx';
import { comparable, difference, GRID } from './latents.ts';
import { PeerGrid } from './peer-grid.tsx';
import { RandomTools, useRandomLatents } from './random-latents.tsx';
import { type RowImages, useDecodedGrid } from './use-engine.ts';

interface Props {
  readonly opened: OpenModel;
  /** Indices of the columns' classes. */
  readonly columns: readonly number[];
}

const PNG = { scale: 4, gap: 8, edge: 8 };

/** Random latents decoded with each class; optionally next to those of another model. */
export function SampleGrid({ opened, columns }: Props) {
  const { card, name } = opened;
  const size = card.latent.size;
  const [peer, setPeer] = useState<string | null>(null);
  const marked = useSignal<CellPosition | null>(null);
  const focused = useSignal<CellPosition>({ row: 0, column: 0 });
  const latents = useRandomLatents(card, GRID);
  const rows = useDecodedGrid(engine.value, latents, GRID, columns);
  const heads = useMemo(
    () => columns.map((index) => ({ index, name: card.classes?.[index] ?? String(index) })),
    [columns, card],
  );
  const take = ({ row, column }: CellPosition) => {
    label.value = columns[column] ?? 0;
    showLatent(latents.slice(row * size, (row + 1) * size), 'studio');
  };
  const peers = (site.value?.models ?? []).filter(({ name: other }) => {
    const found = cards.value.get(other);
    return !(other === name && !opened.fromVisitor) && found && comparable(card, found);
  });
  const peerCard = peer === null ? null : (cards.value.get(peer) ?? null);
  const download = (of: string, images: readonly RowImages[]) => {
    const shown = images.flatMap((row) => row ?? []);
    if (shown.length < images.length * columns.length) return; // still being decoded
    void savePng(sheet(shown, columns.length, card.image, PNG), `${of}-samples-${seed.value}.png`);
  };
  const grid = (
    <>
      <Grid name={name} rows={rows} columns={heads} shape={card.image} {...{ marked, focused }} onSelect={take} />
      <Button onClick={() => download(name, rows)}>Download PNG</Button>
    </>
  );
  return (
    <>
      <div class="row grid-tools">
        <RandomTools />
        {peers.map(({ name: other }) => (
          <Button key={other} aria-pressed={peer === other} onClick={() => setPeer(peer === other ? null : other)}>
            Compare with {other}
          </Button>
        ))}
      </div>
      {peer === null ? (
        <div class="grid-alone">{grid}</div>
      ) : (
        <>
          {peerCard && <p class="say">{difference(name, card, peer, peerCard)}</p>}
          <div class="grids">
            <section aria-label={name}>
              <h4>{name}</h4>
              {grid}
              <CardFigures card={card} />
            </section>
            <PeerGrid
              key={peer}
              name={peer}
              latents={latents}
              columns={columns}
              heads={heads}
              shape={card.image}
              {...{ marked, focused }}
              onDownload={download}
            />
          </div>
        </>
      )}
    </>
  );
}
