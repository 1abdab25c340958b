import './map.css';
import { model } from '../../state/store.ts';
import { Hint } from '../../ui/figure.tsx';
import { dataName, grouped } from '../../ui/format.ts';
import { Legend } from './legend.tsx';
import { isPlane, points } from './map-state.ts';
import { Neighbours } from './neighbours.tsx';
import { Stage } from './stage.tsx';

/** The test images as points at their encoded positions. Draws only while `active`. */
export function MapView({ active }: { readonly active: boolean }) {
  return (
    <section class="map" aria-labelledby="map-title">
      <Title />
      <div class="map-legend-place">{active && <Legend />}</div>
      <Stage active={active} />
      {active && <Neighbours />}
    </section>
  );
}

function Title() {
  const opened = model.value;
  const [title, sentence, hint] = opened ? textsOf(opened) : ['Map', 'Loading the model.', null];
  return (
    <header class="map-title">
      <h2 id="map-title">
        {title} {hint && <Hint about="this map" text={hint} />}
      </h2>
      <p class="say">{sentence}</p>
    </header>
  );
}

function textsOf({
  set,
  card,
  points: found,
}: NonNullable<typeof model.value>): readonly [string, string, string | null] {
  const size = card.latent.size;
  if (!points.value || !found) {
    const sentence = 'This model has no latents of test images, so there are no points to show.';
    return ['Map', sentence, null];
  }
  const title = `${grouped(found.count)} images as the model sees them`;
  const kind = set ? `${dataName(set.about.name)} ${set.about.split} images` : 'images';
  if (isPlane.value) {
    return [
      title,
      `Each point is one of the ${kind}, at its two latent dimensions. Press and drag to decode the position under the pointer.`,
      'The encoder turns an image into two numbers, the position of its point. The decoder turns any two numbers back into an image, also between and beyond the points: those images are shown dimmed behind them. Similar images have similar latents.',
    ];
  }
  const drawn = `The ${size} latent dimensions are projected onto a plane by ${found.method}`;
  return [
    title,
    card.conditional.encoder
      ? `Each point is one of the ${kind}, by style only: the encoder takes the class, so classes mix. Zoom in and click one.`
      : `Each point is one of the ${kind}; similar images are close together. Zoom in to see them, click one to select it.`,
    found.method === 't-SNE'
      ? `${drawn}${found.perplexity === null ? '' : ` (perplexity ${found.perplexity})`}, which keeps neighbours together. Distances between far groups, their sizes and the axes mean little.`
      : `${drawn}: the two directions in which latents vary most. Other variation is not visible here.`,
  ];
}
