import './epochs.css';
import { useCallback, useMemo, useState } from 'preact/hooks';
import { heldOutOf } from '../../site/schema.ts';
import { epoch as askedEpoch, model, type OpenModel } from '../../state/store.ts';
import { Chart } from '../../ui/chart.tsx';
import { capital, ofSplit, splitName } from '../../ui/format.ts';
import { type LossUnits, lossText, lossUnits } from '../../ui/loss-units.ts';
import { measureName } from '../../ui/measures.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import type { Shape } from '../../ui/pixels.ts';
import { Table } from '../../ui/table.tsx';
import {
  atOrBefore,
  bestEpoch,
  curveOf,
  type Epoch,
  indexOfEpoch,
  judgedBy,
  type Quantity,
  quantitiesOf,
  splitsOf,
} from './history.ts';
import type { EpochPicture } from './pictures.ts';
import { Player } from './player.tsx';
import { type Training, usePicture, useTraining } from './use-training.ts';

/** A model's training by epoch: reconstructions of the same images, and losses. */
export function EpochsView() {
  const opened = model.value;
  return (
    <div class="wide-view epochs">
      <h2>Training, epoch by epoch</h2>
      {opened ? <OfModel key={opened.source} opened={opened} /> : <p class="say">Loading the model.</p>}
    </div>
  );
}

function OfModel({ opened }: { readonly opened: OpenModel }) {
  const training = useTraining(opened);
  if (!opened.manifest.training) {
    return <p class="say">This model has no record of its training, so there are no epochs to show.</p>;
  }
  if (typeof training === 'string') {
    return <p class="say">The record of this model’s training cannot be shown: {training}.</p>;
  }
  return (
    <>
      <p class="say">
        In each epoch the model sees all training images once. Move through the epochs: blurs become shapes, and the
        curves fall.
      </p>
      {training && <Record opened={opened} training={training} />}
    </>
  );
}

function Record({ opened, training }: { readonly opened: OpenModel; readonly training: Training }) {
  const { history, pictures, epochs } = training;
  const { card } = opened;
  const units = useMemo(() => lossUnits(card), [card]);
  const quantities = useMemo(() => quantitiesOf(history), [history]);
  const [hovered, setHovered] = useState<number | null>(null);
  const at = indexOfEpoch(epochs, askedEpoch.value);
  const now = epochs[at] ?? 0;
  const pictured = atOrBefore(pictures.epochs, now);
  const picture = usePicture(pictures, pictured);
  const move = useCallback(
    (place: number) => {
      askedEpoch.value = place === epochs.length - 1 ? 0 : (epochs[place] ?? 0);
    },
    [epochs],
  );
  const ready = useCallback(
    async (place: number) => {
      const next = atOrBefore(pictures.epochs, epochs[place] ?? 0);
      if (next !== null) await pictures.get(next);
    },
    [epochs, pictures],
  );
  const entry = history.find(({ epoch }) => epoch === now);
  const open = history.findIndex(({ epoch }) => epoch === card.metrics.epoch);
  const judged = judgedBy(history);
  const charts = quantities.map((quantity) => ({
    quantity,
    curves: splitsOf(history)
      .toReversed()
      .map((split) => ({
        name: splitName(split),
        look: split === judged ? ('main' as const) : split === 'train' ? ('dashed' as const) : ('thin' as const),
        values: curveOf(history, split, quantity).map((value) => (value === null ? null : value * units.factor)),
      })),
  }));
  const charted = history.map(({ epoch }) => epoch);
  const lossNow = entry?.[judged];
  const valueText = `epoch ${now} of ${epochs.at(-1)}${lossNow ? `, ${splitName(judged)} loss ${lossText(lossNow.loss, units)} ${units.unit}` : ''}`;
  return (
    <>
      <Player epochs={epochs} at={at} valueText={valueText} onMove={move} ready={ready} />
      {pictured === null ? (
        <p class="say">This training recorded no pictures.</p>
      ) : (
        <figure>
          <Picture picture={picture} shape={card.image} split={heldOutOf(card).split} />
          <figcaption class="say">
            Above: {ofSplit(heldOutOf(card).split, 'images')}. Below: their reconstructions after epoch {pictured}
            {pictured === now ? '' : `, the last picture before epoch ${now}`}.
          </figcaption>
        </figure>
      )}
      {history.length > 0 && (
        <div class="charts">
          {charts.map(({ quantity, curves }, i) => (
            <Chart
              key={quantity}
              title={measureName(quantity)}
              unit={units.unit}
              counts="epoch"
              x={charted}
              curves={curves}
              at={indexOfEpoch(charted, atOrBefore(charted, now) ?? 0)}
              hovered={hovered}
              height={i === 0 ? 200 : 160}
              onSelect={(index) => move(epochs.indexOf(charted[index] ?? 0))}
              onHover={setHovered}
            />
          ))}
        </div>
      )}
      <p class="say">
        {open >= 0 && (
          <>
            The open model is from epoch {card.metrics.epoch}
            {bestEpoch(history) === card.metrics.epoch ? `, where the ${splitName(judged)} loss was lowest` : ''}.{' '}
          </>
        )}
        Drag along a curve to move through the epochs.
      </p>
      <NumbersTable history={history} quantities={quantities} units={units} />
    </>
  );
}

interface Props {
  readonly picture: EpochPicture | string | null;
  readonly shape: Shape;
  /** The part of the data that the images are of. */
  readonly split: string;
}

/** Number of pairs to reserve room for while the first picture loads, so that the layout does not shift. */
const EXPECTED = Array.from({ length: 8 }, () => ({ original: null, reconstruction: null }));

/** Images above, their reconstructions after an epoch below. */
function Picture({ picture, shape, split }: Props) {
  const name = capital(ofSplit(split, 'image'));
  if (typeof picture === 'string') return <p class="say">The picture of this epoch cannot be shown: {picture}.</p>;
  if (picture && !picture.pairs) {
    return (
      <img
        class="epoch-sheet"
        src={picture.url}
        alt={`${name}s and their reconstructions after epoch ${picture.epoch}`}
      />
    );
  }
  return (
    <div class="pairs" data-epoch={picture?.epoch} data-file={picture?.file} style={{ '--image': `${shape.width}px` }}>
      {(picture?.pairs ?? EXPECTED).map(({ original, reconstruction }, i) => (
        <div key={i} class="pair">
          <PixelImage pixels={original} shape={shape} label={`${name} ${i + 1}`} />
          <PixelImage
            pixels={reconstruction}
            shape={shape}
            label={`${name} ${i + 1}, reconstructed after epoch ${picture?.epoch ?? '…'}`}
          />
        </div>
      ))}
    </div>
  );
}

interface TableProps {
  readonly history: readonly Epoch[];
  readonly quantities: readonly Quantity[];
  readonly units: LossUnits;
}

/** The curves' values as a table. */
function NumbersTable({ history, quantities, units }: TableProps) {
  const columns = quantities.flatMap((name) =>
    splitsOf(history).map((split) => ({
      name: `${measureName(name)}, ${splitName(split)}`,
      cell: (epoch: Epoch) => lossText(epoch[split]?.[name], units),
    })),
  );
  return (
    <details>
      <summary>All losses as a table</summary>
      <p class="say">Losses in {units.unit}.</p>
      <Table
        name="Losses"
        rows={history}
        keyOf={({ epoch }) => epoch}
        columns={[{ name: 'Epoch', cell: ({ epoch }) => epoch }, ...columns]}
      />
    </details>
  );
}
