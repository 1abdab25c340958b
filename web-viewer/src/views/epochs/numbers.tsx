import { splitName } from '../../ui/format.ts';
import { type LossUnits, lossText } from '../../ui/loss-units.ts';
import { measureName } from '../../ui/measures.ts';
import { Table } from '../../ui/table.tsx';
import { type Epoch, type Quantity, splitsOf } from './history.ts';

interface Props {
  readonly history: readonly Epoch[];
  readonly quantities: readonly Quantity[];
  readonly units: LossUnits;
}

/** The curves' values as a table. */
export function NumbersTable({ history, quantities, units }: Props) {
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
