import { type Card, heldOutOf } from '../../site/schema.ts';
import type { OpenModel } from '../../state/store.ts';
import { type FigureRow, Figures, Hint } from '../../ui/figure.tsx';
import { capital, counted, dataName, grouped, short, splitName } from '../../ui/format.ts';
import { meaningOf } from '../../ui/measures.ts';
import { type Column, Table } from '../../ui/table.tsx';
import { kindOf, type Measure, measuresOf, optimizerOf, restOfRecipe, shapeOf, unitOf, valuesOf } from './texts.ts';

/** A model's data, its latents and the parity of its export, and its training. */
export function FigureGroups({ model }: { readonly model: OpenModel }) {
  const { card } = model;
  return (
    <div class="groups">
      <section class="stack">
        <h3>Data</h3>
        <Figures rows={dataRows(model)} />
      </section>
      <section class="stack">
        <h3>Model</h3>
        <Figures rows={modelRows(model)} />
      </section>
      <section class="stack">
        <h3>Training</h3>
        <Figures rows={trainingRows(card)} />
      </section>
    </div>
  );
}

function dataRows({ card, set }: OpenModel): readonly FigureRow[] {
  const { dataset, preprocessing, classes } = card;
  const onMap = (split: string) => (set?.about.split === split ? '; the map shows them' : '');
  const { name, train, val, test } = dataset;
  const values = `Height × width in pixels: ${grouped(valuesOf(card))} values, bytes from 0 to 255.`;
  const fitting = `What was done to images of other sizes; the background is ${preprocessing?.background}.`;
  return [
    ['Data set', dataName(name), 'The images that the model was trained and tested on.'],
    ['Trained on', counted(train.images, 'image'), 'The images that the weights were fitted to.'],
    val && ['Validated on', counted(val.images, 'image'), `Images by which the best epoch was chosen${onMap('val')}.`],
    test && ['Tested on', counted(test.images, 'image'), `Images not used in training${onMap('test')}.`],
    ['An image', shapeOf(card), values],
    preprocessing && ['Fitting', preprocessing.fit, fitting],
    classes
      ? ['Classes', grouped(classes.length), `The classes are: ${classes.slice(0, 40).join(', ')}.`]
      : ['Classes', 'none', 'The data has no classes.'],
  ];
}

function modelRows({ card, manifest }: OpenModel): readonly FigureRow[] {
  const { parity } = card;
  const { size, mixture } = card.latent;
  const values = grouped(valuesOf(card));
  const encoder = `The largest difference between the exported encoder and the trained one, over ${parity.images} images.`;
  const sampling = 'A Gaussian mixture fitted to latents of training images, to draw random latents from.';
  return [
    ['Kind', kindOf(card), 'A variational encoder maps each image to a normal distribution, a plain one to a point.'],
    ['Latent size', grouped(size), 'D: the number of latent dimensions.', 'dimensions'],
    [
      'Compression',
      `1 : ${short(valuesOf(card) / size)}`,
      `${values} values of an image become ${grouped(size)} latent dimensions.`,
    ],
    ['Error', card.model.error, 'The measure of the difference between a reconstruction and its image.'],
    ['Map', mapOf(manifest.points), 'How the latents of the images are turned into map positions.'],
    mixture && ['Mixture', grouped(mixture.weights.length), sampling, 'components'],
    ['Parity of latents', short(parity.latent, 2), encoder],
    ['Parity of images', short(parity.image, 2), 'The same for the decoder, whose pixels range from 0 to 1.'],
    ['Tolerance', short(parity.tolerance, 2), 'The largest difference allowed: above it, the export fails.'],
  ];
}

function mapOf(points: OpenModel['manifest']['points']): string {
  if (!points) return 'none';
  const { method, perplexity } = points;
  if (method === 'codes') return 'the latents themselves';
  return `${method}${perplexity === null ? '' : `, perplexity ${perplexity}`}`;
}

function trainingRows(card: Card): readonly FigureRow[] {
  const { recipe, seed, epochs, engine } = card.training;
  const all = epochs === recipe.epochs ? '' : ` of ${grouped(recipe.epochs)}`;
  const at = `epoch ${grouped(card.metrics.epoch)}, step ${grouped(card.metrics.step)}`;
  return [
    ['Epochs', `${grouped(epochs)}${all}`, 'The number of passes over the training images.'],
    ['Exported after', at, 'The exported checkpoint: a step is one update of the weights.'],
    ['Batch size', grouped(recipe.batchSize), 'The number of images in a training step.', 'images'],
    ['Optimizer', optimizerOf(card), 'How a step updates the weights.'],
    ...restOfRecipe(card).map(([name, value]) => [name, value, 'A setting of the recipe.'] as const),
    ['Seed', String(seed), 'The seed of the random generator: the same seed gives the same model.'],
    engine !== null && ['Trained by', engine, 'The engine that ran the training steps.'],
    ['ONNX opset', String(card.opset), 'The version of the operators in the ONNX files.'],
    ['convae', card.convae, 'The version that exported the model.'],
  ];
}

/** The losses and their terms, per pixel and per image. */
export function MeasuresTable({ card }: { readonly card: Card }) {
  const held = capital(splitName(heldOutOf(card).split));
  const number = (value: number | null) => (value === null ? '–' : short(value, 4));
  const columns: Column<Measure>[] = [
    {
      name: 'Measure',
      cell: ({ name }) => (
        <>
          {name === 'kl' ? 'KL' : name} <Hint about={name} text={meaningOf(name)} />
        </>
      ),
    },
    { name: `${held}, per pixel`, cell: ({ test }) => number(test) },
    { name: `${held}, per image`, cell: ({ testImage }) => number(testImage) },
    { name: 'Training, per pixel', cell: ({ train }) => number(train) },
    { name: 'Training, per image', cell: ({ trainImage }) => number(trainImage) },
  ];
  return (
    <section class="stack">
      <h3>Losses</h3>
      <p class="say">
        In {unitOf(card)}. The value per image is the sum over its {grouped(valuesOf(card))} pixels
        {card.image.channels > 1 && ', each colour channel counted separately'}.
      </p>
      <Table name="Measures" class="measures" columns={columns} rows={measuresOf(card)} keyOf={({ name }) => name} />
    </section>
  );
}
