import { type FigureRow, Figures } from '../../ui/figure.tsx';
import { capital, grouped, splitName } from '../../ui/format.ts';
import { type LossUnits, lossText, lossUnitText } from '../../ui/loss-units.ts';
import { meaningOf, measureName } from '../../ui/measures.ts';
import { Table } from '../../ui/table.tsx';
import { type Epoch, type Quantity, splitsOf } from './history.ts';

interface Props {
  readonly epoch: Epoch | undefined;
  readonly quantities: readonly Quantity[];
  readonly units: LossUnits;
}

/** Measurements after an epoch. */
export function EpochFigures({ epoch, quantities, units }: Props) {
  const split = epoch?.test || !epoch?.val ? 'test' : 'val';
  const held = epoch?.[split];
  const heldName = capital(splitName(split));
  const gap = held && epoch?.train ? held.loss - epoch.train.loss : null;
  const training = epoch?.train?.loss;
  return (
    <Figures
      class="stacked epoch-figures"
      rows={[
        ...quantities.map((name): FigureRow => {
          const title = `${heldName} ${measureName(name).replace(/^[LR]/, (letter) => letter.toLowerCase())}`;
          return [title, lossText(held?.[name], units), meaningOf(name), lossUnitText(held?.[name], units)];
        }),
        [
          'Training loss',
          lossText(training, units),
          'The loss on the training images, averaged over the epoch while the weights changed.',
          lossUnitText(training, units),
        ],
        [
          `${heldName} minus training`,
          lossText(gap, units),
          'If it grows from epoch to epoch, the model overfits. It may be negative at first, because the training loss is averaged over the epoch and the other is measured at its end.',
          units.unit,
        ],
        epoch?.rate != null && [
          'Speed',
          grouped(Math.round(epoch.rate)),
          'Training speed on the machine that trained this model.',
          'images per second',
        ],
      ]}
    />
  );
}

interface TableProps {
  readonly history: readonly Epoch[];
  readonly quantities: readonly Quantity[];
  readonly units: LossUnits;
}

/** The curves' values as a table. */
export function NumbersTable({ history, quantities, units }: TableProps) {
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
