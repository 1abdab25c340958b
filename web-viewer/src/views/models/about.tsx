import { useRef } from 'preact/hooks';
import { model, tab } from '../../state/store.ts';
import { Button, setter } from '../../ui/controls.tsx';
import { grouped } from '../../ui/format.ts';
import { Icon } from './icons.tsx';
import { valuesOf } from './texts.ts';

/** An introduction for visitors new to autoencoders, in a few sentences. */
export function About() {
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <>
      <Button class="action" onClick={() => dialog.current?.showModal()}>
        <Icon name="ask" />
        <span class="word">What is this?</span>
      </Button>
      <dialog ref={dialog} class="about-box" aria-labelledby="about-title" closedby="any">
        <div class="stack">
          <h2 id="about-title" tabIndex={-1} autofocus>
            A picture, squeezed into a few numbers and back
          </h2>
          <Words />
          <form method="dialog" class="row">
            <Button type="submit" class="button primary">
              Try it
            </Button>
            <Button type="submit" onClick={() => setter(tab)('model')}>
              Show me the numbers
            </Button>
          </form>
        </div>
      </dialog>
    </>
  );
}

function Words() {
  const card = model.value?.card;
  const pixels = card ? `${grouped(valuesOf(card))} numbers, one for each pixel` : 'hundreds of pixels';
  const size = card ? `${grouped(card.latent.size)} numbers` : 'a few numbers';
  return (
    <>
      <p>
        An <b>autoencoder</b> is a neural network that has learned to copy images through a bottleneck. Its encoder
        compresses an image, {pixels}, into {size}: the image’s <b>latent</b>. Its decoder sees only the latent and
        reconstructs the image.
      </p>
      <p>
        To do so it had to learn what its images have in common, so similar images have similar latents. All possible
        latents form the <b>latent space</b>: each of its points decodes to an image, most of them never seen before.
      </p>
      <p>Explore it: move a slider or a point on the map, and watch one image turn into another.</p>
    </>
  );
}
