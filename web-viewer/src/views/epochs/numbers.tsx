import { Figure } from '../../ui/figure.tsx';
import { grouped } from '../../ui/format.ts';
import { type LossUnits, lossText, lossUnitText } from '../../ui/loss-units.ts';
import { Table } from '../../ui/table.tsx';
import { type Epoch, type Quantity, type Split, splitsOf } from './history.ts';

export const quantityNames: Readonly<Record<Quantity, string>> = {
  loss: 'Loss',
  reconstruction: 'Reconstruction',
  kl: 'KL divergence',
};

const hints: Readonly<Record<Quantity, string>> = {
  loss: 'What training minimises, on images that the model was not trained on.',
  reconstruction: 'The term of the loss that measures how much reconstructions differ from their images.',
  kl: 'The term of the loss that measures how far the latents’ distributions are from the prior, a standard normal distribution.',
};

export const splitNames: Readonly<Record<Split, string>> = { train: 'training', val: 'validation', test: 'test' };

interface Props {
  readonly epoch: Epoch | undefined;
  readonly quantities: readonly Quantity[];
  readonly units: LossUnits;
}

/** Measurements after an epoch. */
export function EpochFigures({ epoch, quantities, units }: Props) {
  const split = epoch?.test || !epoch?.val ? 'test' : 'val';
  const held = epoch?.[split];
  const heldName = split === 'test' ? 'Test' : 'Validation';
  const gap = held && epoch?.train ? held.loss - epoch.train.loss : null;
  return (
    <dl class="figures epoch-figures">
      {quantities.map((name) => (
        <Figure
          key={name}
          name={`${heldName} ${quantityNames[name].replace(/^[LR]/, (letter) => letter.toLowerCase())}`}
          value={lossText(held?.[name], units)}
          unit={lossUnitText(held?.[name], units)}
          hint={hints[name]}
        />
      ))}
      <Figure
        name="Training loss"
        value={lossText(epoch?.train?.loss, units)}
        unit={lossUnitText(epoch?.train?.loss, units)}
        hint="The loss on the training images, averaged over the epoch while the weights changed."
      />
      <Figure
        name={`${heldName} minus training`}
        value={lossText(gap, units)}
        unit={units.unit}
        hint="If it grows from epoch to epoch, the model overfits. It may be negative at first, because the training loss is averaged over the epoch and the other is measured at its end."
      />
      {epoch?.rate != null && (
        <Figure
          name="Speed"
          value={grouped(Math.round(epoch.rate))}
          unit="images per second"
          hint="Training speed on the machine that trained this model."
        />
      )}
    </dl>
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
      name: `${quantityNames[name]}, ${split === 'val' ? splitNames.val : split}`,
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
