import { useSignal } from '@preact/signals';
import { useMemo, useState } from 'preact/hooks';
import { cards } from '../../state/cards.ts';
import { showLatent } from '../../state/explore.ts';
import { randomLatents } from '../../state/sampling.ts';
import { engine, label, type OpenModel, problem, seed, site, temperature } from '../../state/store.ts';
import { Hint } from '../../ui/figure.tsx';
import { png } from '../../ui/png.ts';
import { save } from '../../ui/save.ts';
import { CardFigures } from './card-figures.tsx';
import { type RowImages, useDecodedGrid } from './decode-grid.ts';
import { type CellPosition, Grid } from './grid.tsx';
import { atTemperature, centreOf, comparable, difference, GRID, latentOf } from './latents.ts';
import { montage } from './montage.ts';
import { PeerGrid } from './peer-grid.tsx';

interface Props {
  readonly opened: OpenModel;
  /** Indices of the columns' classes. */
  readonly columns: readonly number[];
}

const PNG = { scale: 4, gap: 8 };

const showProblem = (message: string) => {
  problem.value = message;
};

/** Random latents decoded with each class; optionally next to those of another model. */
export function SampleGrid({ opened, columns }: Props) {
  const { card, name } = opened;
  const size = card.latent.size;
  const [peer, setPeer] = useState<string | null>(null);
  const marked = useSignal<CellPosition | null>(null);
  const focused = useSignal<CellPosition>({ row: 0, column: 0 });
  const drawn = useMemo(() => randomLatents(card, GRID, seed.value), [card, seed.value]);
  const latents = useMemo(
    () => atTemperature(drawn, centreOf(card), temperature.value),
    [drawn, card, temperature.value],
  );
  const rows = useDecodedGrid(engine.value, latents, GRID, columns, showProblem);
  const heads = useMemo(
    () => columns.map((index) => ({ index, name: card.classes?.[index] ?? String(index) })),
    [columns, card],
  );
  const take = ({ row, column }: CellPosition) => {
    label.value = columns[column] ?? 0;
    showLatent(latentOf(latents, row, size), 'sample');
  };
  const peers = (site.value?.models ?? []).filter(({ name: other }) => {
    const found = cards.value.get(other);
    return !(other === name && !opened.fromVisitor) && found && comparable(card, found);
  });
  const peerCard = peer === null ? null : (cards.value.get(peer) ?? null);
  const download = (of: string, images: readonly RowImages[]) => void savePng(opened, of, images, columns.length);
  const grid = (
    <>
      <Grid name={name} rows={rows} columns={heads} shape={card.image} {...{ marked, focused }} onSelect={take} />
      <button type="button" class="button" onClick={() => download(name, rows)}>
        Download PNG
      </button>
    </>
  );
  return (
    <>
      <div class="row grid-tools">
        <button type="button" class="button primary" onClick={() => (seed.value += 1)}>
          New latents
        </button>
        <Temperature />
        {peers.map(({ name: other }) => (
          <button
            key={other}
            type="button"
            class="button"
            aria-pressed={peer === other}
            onClick={() => setPeer(peer === other ? null : other)}
          >
            Compare with {other}
          </button>
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

/** Scales random latents. */
export function Temperature() {
  return (
    <span class="row">
      <label class="row temperature">
        <span>Temperature</span>
        <input
          type="range"
          min={0}
          max={1.5}
          step={0.05}
          value={temperature.value}
          onInput={(event) => {
            temperature.value = Number(event.currentTarget.value);
          }}
        />
        <output>
          {temperature.value.toFixed(2)} <span class="unit">×</span>
        </output>
      </label>
      <Hint
        about="the temperature"
        text="A factor on the random latents. 0: every row has the average style. 1: styles are as frequent as in the training images. Above 1: rarer styles, up to ones that the decoder has never seen."
      />
    </span>
  );
}

async function savePng(
  { card }: OpenModel,
  name: string,
  images: readonly RowImages[],
  columns: number,
): Promise<void> {
  const rows = images.flatMap(({ value }) => (value ? [value] : []));
  if (rows.length < images.length) return;
  try {
    save(await png(montage(rows, columns, card.image, PNG)), `${name}-samples-${seed.value}.png`);
  } catch (error) {
    showProblem(error instanceof Error ? error.message : String(error));
  }
}
