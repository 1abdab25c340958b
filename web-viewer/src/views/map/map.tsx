import { useSignalEffect } from '@preact/signals';
import './map.css';
import { useEffect, useState } from 'preact/hooks';
import { mapSelection, model } from '../../state/store.ts';
import { take } from '../../state/takers.ts';
import { share } from '../../state/url.ts';
import { Hint } from '../../ui/figure.tsx';
import { dataName, grouped, ofSplit } from '../../ui/format.ts';
import { createMap, MapContext, type MapState } from './create-map.ts';
import { Legend } from './legend.tsx';
import { Neighbours } from './neighbours.tsx';
import { mapParameters } from './parameters.ts';
import { Stage } from './stage.tsx';

/** The images as points at their encoded positions. Draws only while `active`. */
export function MapView({ active }: { readonly active: boolean }) {
  const [map] = useState(createMap);
  useEffect(() => map.end, [map]);
  useEffect(() => share(...mapParameters(map)), [map]);
  useSignalEffect(() => {
    mapSelection.value = map.selected.value;
  });
  useEffect(() => take('table', map.addTable), [map]);
  return (
    <MapContext value={map}>
      <section class="map" aria-labelledby="map-title">
        <Title map={map} />
        <div class="map-legend-place">{active && <Legend />}</div>
        <Stage active={active} />
        {active && <Neighbours />}
      </section>
    </MapContext>
  );
}

function Title({ map }: { readonly map: MapState }) {
  const opened = model.value;
  const [title, sentence, hint] = opened ? textsOf(opened, map) : ['Map', 'Loading the model.', null];
  return (
    <header class="map-title">
      <h2 id="map-title" class="row">
        {title} {hint && <Hint about="this map" text={hint} />}
      </h2>
      <p class="say">{sentence}</p>
    </header>
  );
}

function textsOf(
  { set, card, points: found }: NonNullable<typeof model.value>,
  { axes, dimensions, isPlane }: MapState,
): readonly [string, string, string | null] {
  const size = card.latent.size;
  if (!found) {
    const sentence = 'This model has no latents of images, so there are no points to show.';
    return ['Map', sentence, null];
  }
  const title = `${grouped(found.count)} images as the model sees them`;
  const kind = set ? `${dataName(set.about.name)} ${ofSplit(set.about.split, 'images')}` : 'images';
  const pair = dimensions.value;
  if (isPlane.value) {
    return [
      title,
      `Each point is one of the ${kind}, at its two latent dimensions. Press and drag to decode the position under the pointer.`,
      'The encoder turns an image into two numbers, the position of its point. The decoder turns any two numbers back into an image, also between and beyond the points: those images are shown dimmed behind them. Similar images have similar latents.',
    ];
  }
  if (pair) {
    return [
      title,
      `Each point is one of the ${kind}, at dimensions ${pair[0]} and ${pair[1]} of its ${size} latent dimensions.`,
      'Points that are close here may differ in the other dimensions. t-SNE and UMAP show all dimensions at once.',
    ];
  }
  const method = typeof axes.value === 'string' ? axes.value : found.method;
  const drawn = `The ${size} latent dimensions are projected onto a plane by ${method}`;
  return [
    title,
    card.conditional.encoder
      ? `Each point is one of the ${kind}, by style only: the encoder takes the class, so classes mix. Zoom in and click one.`
      : `Each point is one of the ${kind}; similar images are close together. Zoom in to see them, click one to select it.`,
    method === 'PCA'
      ? `${drawn}: the two directions in which latents vary most. Other variation is not visible here.`
      : `${drawn}${method === 't-SNE' && found.perplexity !== null ? ` (perplexity ${found.perplexity})` : ''}, which keeps neighbours together. Distances between far groups, their sizes and the axes mean little.`,
  ];
}
