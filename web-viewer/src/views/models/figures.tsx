import type { ComponentChildren } from 'preact';
import { type Card, heldOutOf } from '../../site/schema.ts';
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

/** The data that the model was trained and tested on. */
export function DataFacts({ card }: { readonly card: Card }) {
  const { train, val, test, name } = card.dataset;
  const held = heldOutOf(card);
  return (
    <Group name="Data">
      <Figure name="Data set" value={name} hint="The images that the model was trained and tested on." />
      <Figure name="Trained on" value={images(train.images)} hint="The images that the weights were fitted to." />
      {val && (
        <Figure
          name="Validated on"
          value={images(val.images)}
          hint={`Images by which the best epoch was chosen${test ? '.' : '; the map shows them.'}`}
        />
      )}
      {test && (
        <Figure name="Tested on" value={images(test.images)} hint="Images not used in training; the map shows them." />
      )}
      <Figure
        name="An image"
        value={shapeOf(card)}
        hint={`Height × width in pixels: ${grouped(valuesOf(card))} values, bytes from 0 to 255.`}
      />
      {card.preprocessing && (
        <Figure
          name="Fitting"
          value={card.preprocessing.fit}
          hint={`What was done to images of other sizes; the background is ${card.preprocessing.background}.`}
        />
      )}
      <Figure
        name="Classes"
        value={card.classes ? grouped(card.classes.length) : 'none'}
        hint={card.classes ? `The classes are: ${card.classes.slice(0, 40).join(', ')}.` : 'The data has no classes.'}
      />
      <Fingerprint name="Fingerprint of the training images" value={train.fingerprint} />
      <Fingerprint
        name={`Fingerprint of the ${held.split === 'val' ? 'validation' : 'test'} images`}
        value={held.fingerprint}
      />
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

/** The model's kind, its latents, and the parity of its export. */
export function LatentFacts({ model: { card, manifest } }: { readonly model: OpenModel }) {
  const { size, mixture } = card.latent;
  const { parity } = card;
  return (
    <Group name="Model">
      <Figure
        name="Kind"
        value={kindOf(card)}
        hint="A variational encoder maps each image to a normal distribution, a plain one to a point."
      />
      <Figure name="Latent size" value={grouped(size)} unit="dimensions" hint="D: the number of latent dimensions." />
      <Figure
        name="Compression"
        value={`1 : ${short(valuesOf(card) / size)}`}
        hint={`${grouped(valuesOf(card))} values of an image become ${grouped(size)} latent dimensions.`}
      />
      <Figure
        name="Error"
        value={card.model.error}
        hint="The measure of the difference between a reconstruction and its image."
      />
      <Figure
        name="Map"
        value={manifest.points ? mapMethod(manifest.points) : 'none'}
        hint="How the latents of the test images are turned into map positions."
      />
      {mixture && (
        <Figure
          name="Mixture"
          value={grouped(mixture.weights.length)}
          unit="components"
          hint="A Gaussian mixture fitted to latents of training images, to draw random latents from."
        />
      )}
      <Figure
        name="Parity of latents"
        value={short(parity.latent, 2)}
        hint={`The largest difference between the exported encoder and the trained one, over ${parity.images} images.`}
      />
      <Figure
        name="Parity of images"
        value={short(parity.image, 2)}
        hint="The same for the decoder, whose pixels range from 0 to 1."
      />
      <Figure
        name="Tolerance"
        value={short(parity.tolerance, 2)}
        hint="The largest difference allowed: above it, the export fails."
      />
    </Group>
  );
}

const mapMethod = ({ method, perplexity }: { readonly method: string; readonly perplexity: number | null }) =>
  method === 'codes' ? 'the latents themselves' : `${method}${perplexity === null ? '' : `, perplexity ${perplexity}`}`;

/** How the model was trained, and with which version. */
export function TrainingFacts({ card }: { readonly card: Card }) {
  const { recipe, seed, epochs, engine } = card.training;
  return (
    <Group name="Training">
      <Figure
        name="Epochs"
        value={epochs === recipe.epochs ? grouped(epochs) : `${grouped(epochs)} of ${grouped(recipe.epochs)}`}
        hint="The number of passes over the training images."
      />
      <Figure
        name="Exported after"
        value={`epoch ${grouped(card.metrics.epoch)}, step ${grouped(card.metrics.step)}`}
        hint="The exported checkpoint: a step is one update of the weights."
      />
      <Figure
        name="Batch size"
        value={grouped(recipe.batchSize)}
        unit="images"
        hint="The number of images in a training step."
      />
      <Figure name="Optimizer" value={optimizerOf(card)} hint="How a step updates the weights." />
      {restOfRecipe(card).map(([name, value]) => (
        <Figure key={name} name={name} value={value} hint="A setting of the recipe." />
      ))}
      <Figure
        name="Seed"
        value={String(seed)}
        hint="The seed of the random generator: the same seed gives the same model."
      />
      {engine && <Figure name="Trained by" value={engine} hint="The engine that ran the training steps." />}
      <Figure name="ONNX opset" value={String(card.opset)} hint="The version of the operators in the ONNX files." />
      <Figure name="convae" value={card.convae} hint="The version that exported the model." />
    </Group>
  );
}
