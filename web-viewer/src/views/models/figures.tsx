import type { ComponentChildren } from 'preact';
import type { Card } from '../../site/schema.ts';
import type { OpenModel } from '../../state/store.ts';
import { Figure } from '../../ui/figure.tsx';
import { grouped, short } from '../../ui/format.ts';
import { images, kindOf, optimizerOf, restOfRecipe, shapeOf, valuesOf } from './facts.ts';

function Group({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <section class="group">
      <h3>{name}</h3>
      <dl class="figures">{children}</dl>
    </section>
  );
}

/** What the model was made from. */
export function DataFacts({ card }: { readonly card: Card }) {
  const { train, test, name } = card.dataset;
  return (
    <Group name="Data">
      <Figure name="Data set" value={name} hint="The images that it was trained and tested on." />
      <Figure name="Trained on" value={images(train.images)} hint="The weights follow from these images." />
      <Figure
        name="Tested on"
        value={images(test.images)}
        hint="Images that training has not used; the map shows them."
      />
      <Figure
        name="An image"
        value={shapeOf(card)}
        hint={`Height × width in pixels: ${grouped(valuesOf(card))} numbers, bytes from 0 to 255.`}
      />
      <Figure
        name="Classes"
        value={card.classes ? grouped(card.classes.length) : 'none'}
        hint={card.classes ? `The classes are: ${card.classes.slice(0, 40).join(', ')}.` : 'The data has no classes.'}
      />
      <Fingerprint name="Fingerprint of the training images" value={train.fingerprint} />
      <Fingerprint name="Fingerprint of the test images" value={test.fingerprint} />
    </Group>
  );
}

function Fingerprint({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div class="figure long">
      <dt>{name}</dt>
      <dd>
        <code>{value}</code>
      </dd>
    </div>
  );
}

/** How well the model does on its data. */
export function CodeFacts({ model: { card, manifest } }: { readonly model: OpenModel }) {
  const { size, mixture } = card.latent;
  const { parity } = card;
  return (
    <Group name="Model">
      <Figure
        name="Kind"
        value={kindOf(card)}
        hint="A variational encoder gives a normal distribution for each image, a plain one a point."
      />
      <Figure name="Latent size" value={grouped(size)} unit="numbers" hint="D: how many numbers a code has." />
      <Figure
        name="Compression"
        value={`1 : ${short(valuesOf(card) / size)}`}
        hint={`${grouped(valuesOf(card))} numbers of an image become ${grouped(size)} of a code.`}
      />
      <Figure name="Error" value={card.model.error} hint="What tells how far a reconstruction is from its image." />
      <Figure
        name="Map"
        value={manifest.points ? mapMethod(manifest.points) : 'none'}
        hint="How the codes of the test images became places on the map."
      />
      {mixture && (
        <Figure
          name="Mixture"
          value={grouped(mixture.weights.length)}
          unit="normal distributions"
          hint="Fitted on codes of training images, to draw new codes from."
        />
      )}
      <Figure
        name="Parity of codes"
        value={short(parity.latent, 2)}
        hint={`The largest difference between the exported encoder and the trained one, over ${parity.images} images.`}
      />
      <Figure
        name="Parity of images"
        value={short(parity.image, 2)}
        hint="The same for the decoder, where pixels go from 0 to 1."
      />
      <Figure
        name="Tolerance"
        value={short(parity.tolerance, 2)}
        hint="What parity may be at most; else nothing is exported."
      />
    </Group>
  );
}

const mapMethod = ({ method, perplexity }: { readonly method: string; readonly perplexity: number | null }) =>
  method === 'codes' ? 'the codes themselves' : `${method}${perplexity === null ? '' : `, perplexity ${perplexity}`}`;

/** How the model was trained, and by which version. */
export function TrainingFacts({ card }: { readonly card: Card }) {
  const { recipe, seed, epochs, engine } = card.training;
  return (
    <Group name="Training">
      <Figure
        name="Epochs"
        value={epochs === recipe.epochs ? grouped(epochs) : `${grouped(epochs)} of ${grouped(recipe.epochs)}`}
        hint="How often training went through all of its images."
      />
      <Figure
        name="Exported after"
        value={`epoch ${grouped(card.metrics.epoch)}, step ${grouped(card.metrics.step)}`}
        hint="The checkpoint that this model is: a step is one change of the weights."
      />
      <Figure
        name="Batch size"
        value={grouped(recipe.batchSize)}
        unit="images"
        hint="How many images a step looks at."
      />
      <Figure name="Optimizer" value={optimizerOf(card)} hint="How steps change the weights." />
      {restOfRecipe(card).map(([name, value]) => (
        <Figure key={name} name={name} value={value} hint="Another setting of the recipe." />
      ))}
      <Figure
        name="Seed"
        value={String(seed)}
        hint="Where the random numbers start: the same seed gives the same model."
      />
      {engine && <Figure name="Trained by" value={engine} hint="What computed the steps." />}
      <Figure name="ONNX opset" value={String(card.opset)} hint="The version of the operators in the ONNX files." />
      <Figure name="convae" value={card.convae} hint="The version that exported the model." />
    </Group>
  );
}
