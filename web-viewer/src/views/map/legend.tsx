import type { ComponentChildren } from 'preact';
import { colourBy, shownClasses } from '../../state/store.ts';
import { Hint } from '../../ui/figure.tsx';
import { grouped, short } from '../../ui/format.ts';
import { pointErrorColour } from './colours.ts';
import { errorUnit } from './image-of-row.tsx';
import { colourOnMap, drawnOrder, errorEnds, ground, pointClasses, pointLabels, points } from './map-state.ts';

/** Explains colours and marks, and filters classes. */
export function Legend() {
  if (!points.value) return null;
  const hasClasses = pointClasses.value.length > 0;
  return (
    <div class="map-legend">
      <fieldset class="map-choice">
        <legend class="visually-hidden">Colour of the points</legend>
        {hasClasses && <Choice value="class">Class</Choice>}
        <Choice value="error">Error</Choice>
        {!hasClasses && <Choice value="class">Plain</Choice>}
      </fieldset>
      {colourBy.value === 'error' && <ErrorBar />}
      {hasClasses && <ClassFilter />}
      <span class="visually-hidden" role="status">
        {grouped(drawnOrder.value.length)} of {grouped(points.value.count)} points shown
      </span>
    </div>
  );
}

function Choice({ value, children }: { readonly value: 'class' | 'error'; readonly children: ComponentChildren }) {
  return (
    <label>
      <input
        type="radio"
        name="map-colour"
        checked={colourBy.value === value}
        onChange={() => {
          colourBy.value = value;
        }}
      />
      <span>{children}</span>
    </label>
  );
}

function ErrorBar() {
  const [low, high] = errorEnds.value;
  const stops = Array.from({ length: 9 }, (_, i) => `rgb(${pointErrorColour(i / 8, ground.value).join(' ')})`);
  return (
    <div class="map-bar">
      <span>≤ {short(low, 2)}</span>
      <span
        class="map-bar-colours"
        role="img"
        aria-label={`Colours from an error of ${short(low, 2)} to ${short(high, 2)} ${errorUnit()}`}
        style={{ background: `linear-gradient(90deg, ${stops.join(', ')})` }}
      />
      <span>
        ≥ {short(high, 2)} <span class="unit">{errorUnit()}</span>
      </span>
      <Hint
        about="the error"
        text="How far the reconstruction is from the image, on average over its pixels. The colours end at the 1st and the 99th percentile of these images."
      />
    </div>
  );
}

function ClassFilter() {
  const all = pointLabels.value;
  const shown = shownClasses.value;
  const isShown = (index: number) => shown?.includes(index) ?? true;
  const toggle = (index: number) => {
    const next = all.filter((other) => isShown(other) !== (other === index));
    shownClasses.value = next.length === all.length ? null : next;
  };
  const classes = all.map((index) => ({ index, name: pointClasses.value[index] ?? 'unlabelled' }));
  return (
    <fieldset class="map-classes">
      <legend class="visually-hidden">Shown classes</legend>
      {classes.map(({ name, index }) => (
        <button
          key={index}
          type="button"
          class="map-class"
          aria-pressed={isShown(index)}
          title={isShown(index) ? `Hide ${name}` : `Show ${name}`}
          style={{ '--class': `rgb(${colourOnMap(index).join(' ')})` }}
          onClick={() => toggle(index)}
        >
          {name}
        </button>
      ))}
      <button
        type="button"
        class="map-link"
        onClick={() => {
          shownClasses.value = shown === null ? [] : null;
        }}
      >
        {shown === null ? 'Hide all' : 'Show all'}
      </button>
    </fieldset>
  );
}
