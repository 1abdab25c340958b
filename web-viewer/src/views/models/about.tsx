import { useRef } from 'preact/hooks';
import { model, reading, tab } from '../../state/store.ts';
import { grouped } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import './about.css';
import { shapeOf, valuesOf } from './facts.ts';
import { Icon } from './icons.tsx';

/** An introduction for visitors new to autoencoders: a diagram and a few sentences. */
export function About() {
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <>
      <button type="button" class="action" onClick={() => dialog.current?.showModal()}>
        <Icon name="ask" />
        <span class="word">What is this?</span>
      </button>
      <dialog ref={dialog} class="about-box" aria-labelledby="about-title" closedby="any">
        <div class="about-text">
          <h2 id="about-title">A picture, squeezed into a few numbers and back</h2>
          <Diagram />
          <Words />
          <form method="dialog" class="row">
            <button type="submit" class="button primary">
              Try it
            </button>
            <button
              type="submit"
              class="button"
              onClick={() => {
                tab.value = 'model';
              }}
            >
              Show me the numbers
            </button>
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

/** Image → encoder → latent → decoder → image, with the page's current image. */
function Diagram() {
  const shape = model.value?.card.image ?? { height: 28, width: 28, channels: 1 };
  const about = model.value?.card;
  const made = reading.value;
  return (
    <div class="diagram">
      <figure>
        <PixelImage pixels={made?.image.pixels ?? null} shape={shape} label="An image" />
        <figcaption>image{about && `: ${shapeOf(about)}`}</figcaption>
      </figure>
      <Funnel name="encoder" />
      <figure>
        <LatentBars values={made?.latents.latent ?? null} />
        <figcaption>latent{about && `: ${about.latent.size} numbers`}</figcaption>
      </figure>
      <Funnel name="decoder" />
      <figure>
        <PixelImage pixels={made?.reconstruction ?? null} shape={shape} label="The reconstruction" />
        <figcaption>reconstruction</figcaption>
      </figure>
    </div>
  );
}

function Funnel({ name }: { readonly name: 'encoder' | 'decoder' }) {
  return (
    <figure class="funnel">
      <svg viewBox="0 0 60 90" aria-hidden="true">
        <path d={name === 'encoder' ? 'M4 4L56 27V63L4 86Z' : 'M56 4L4 27V63L56 86Z'} />
      </svg>
      <figcaption>{name}</figcaption>
    </figure>
  );
}

const BARS = 16;

function LatentBars({ values }: { readonly values: Float32Array | null }) {
  const shown = Array.from(values ?? []).slice(0, BARS);
  const scale = 28 / Math.max(2.5, ...shown.map(Math.abs));
  const step = 90 / Math.max(1, shown.length);
  const height = Math.min(14, 0.7 * step);
  const bars = shown.map((value, index) => ({ value, y: (index + 0.5) * step - height / 2 }));
  return (
    <svg class="latent-bars" viewBox="0 0 60 90" role="img" aria-label="The latent: a few numbers, drawn as bars">
      <path class="axis" d="M30 0V90" />
      {bars.map(({ value, y }) => (
        <rect key={y} x={30 + scale * Math.min(0, value)} y={y} width={scale * Math.abs(value)} height={height} />
      ))}
    </svg>
  );
}
