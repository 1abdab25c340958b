import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { type Card, heldOutOf } from '../../site/schema.ts';
import { readCards } from '../../state/cards.ts';
import { Button } from '../../ui/controls.tsx';
import { bytes, dataName, grouped, short } from '../../ui/format.ts';
import { Table } from '../../ui/table.tsx';
import { type ListedModel, listedModels } from './listed-models.ts';
import { kindOf, shapeOf, shortKindOf, valuesOf } from './texts.ts';

/** A column with a text of each card. */
const ofCard = (name: string, cell: (card: Card) => ComponentChildren, look?: 'words') => ({
  name,
  look,
  cell: ({ card }: ListedModel) => (card ? cell(card) : card === null ? '–' : '…'),
});

const lossOf = (name: string) => (card: Card) => {
  const value = heldOutOf(card).losses[name];
  return value === undefined ? '–' : short(value * valuesOf(card), 4);
};

const sizeOf = ({ files }: Card) => bytes(Object.values(files).reduce((sum, file) => sum + file.bytes, 0));

const columns = [
  {
    name: 'Model',
    cell: ({ name, open, card }: ListedModel) => (
      <Button class="text-button" onClick={open} {...(card === null && { title: 'Its card cannot be read' })}>
        {name}
      </Button>
    ),
  },
  ofCard('Kind', (card) => <span title={kindOf(card)}>{shortKindOf(card)}</span>, 'words'),
  ofCard('Data', ({ dataset }) => dataName(dataset.name), 'words'),
  ofCard('Image', shapeOf, 'words'),
  ofCard('Latent size', ({ latent }) => grouped(latent.size)),
  ofCard('Loss', lossOf('loss')),
  ofCard('Reconstruction', lossOf('reconstruction')),
  ofCard('KL', lossOf('kl')),
  ofCard('Epochs', ({ training }) => grouped(training.epochs)),
  ofCard('Size', sizeOf),
];

/** A table of the site's models and those that the visitor has opened. */
export function Comparison() {
  useEffect(() => void readCards(), []);
  return (
    <section class="stack">
      <h3>All models</h3>
      <p class="say">
        Losses on images held out, summed over an image, in nats, squared or absolute error. Choose a model to open it.
      </p>
      <Table
        name="Models"
        class="comparison"
        columns={columns}
        rows={listedModels()}
        keyOf={({ key }) => key}
        current={({ isOpen }) => isOpen}
      />
    </section>
  );
}
