import { shownClasses } from '../../state/store.ts';
import { Hint } from '../../ui/figure.tsx';
import { grouped, short } from '../../ui/format.ts';
import { cssOf, scaleColour } from './colours.ts';
import { useMap } from './create-map.ts';
import { errorUnit } from './image-of-row.tsx';

/** Explains colours and marks, chooses columns and axes, and filters categories. */
export function Legend() {
  const { column, drawnOrder, filtered, points, setColumn, table } = useMap();
  if (!points.value) return null;
  return (
    <div class="map-legend">
      <label>
        Colour{' '}
        <select value={column.value?.name ?? ''} onChange={({ currentTarget: { value } }) => setColumn(value)}>
          {!column.value && <option value="">none</option>}
          {table.columns.value.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Axes />
      {column.value?.kind === 'number' && <Scale name={column.value.name} />}
      {filtered.value && <Filter />}
      <span class="visually-hidden" role="status">
        {grouped(drawnOrder.value.length)} of {grouped(points.value.count)} points shown
      </span>
    </div>
  );
}

const LATENTS = 'latent dimensions';

/** Chooses a map, or two latent dimensions. */
function Axes() {
  const { axes, dimensions, latentSize, methods, setAxes } = useMap();
  const maps = methods.value.filter((method) => method !== 'codes');
  const pair = dimensions.value;
  if (latentSize.value < 2 || (maps.length === 0 && latentSize.value === 2)) return null;
  const all = Array.from({ length: latentSize.value }, (_, d) => d);
  return (
    <span class="map-axes">
      <label>
        Axes{' '}
        <select
          value={pair ? LATENTS : (axes.value?.toString() ?? maps[0])}
          onChange={({ currentTarget: { value } }) =>
            setAxes(value === LATENTS ? [0, 1] : value === maps[0] ? null : value)
          }
        >
          {[...maps, LATENTS].map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {pair?.map((chosen, axis) => (
        <select
          key={axis === 0 ? 'x' : 'y'}
          aria-label={axis === 0 ? 'Dimension along x' : 'Dimension along y'}
          value={chosen}
          onChange={({ currentTarget: { value } }) =>
            setAxes(axis === 0 ? [Number(value), pair[1]] : [pair[0], Number(value)])
          }
        >
          {all.map((d) => (
            <option key={d} value={d}>
              z{d}
            </option>
          ))}
        </select>
      ))}
    </span>
  );
}

/** The colours of numbers. */
function Scale({ name }: { readonly name: string }) {
  const { ground, range } = useMap();
  const [low, high] = range.value;
  const stops = Array.from({ length: 9 }, (_, i) => cssOf(scaleColour(i / 8, ground.value.kind)));
  const unit = name === 'error' ? errorUnit() : '';
  return (
    <div class="map-bar">
      <span>≤ {short(low, 2)}</span>
      <span
        class="map-bar-colours"
        role="img"
        aria-label={`Colours from ${short(low, 2)} to ${short(high, 2)} ${unit}`}
        style={{ background: `linear-gradient(90deg, ${stops.join(', ')})` }}
      />
      <span>
        ≥ {short(high, 2)} <span class="unit">{unit}</span>
      </span>
      <Hint
        about="this scale"
        text={`${name === 'error' ? 'How far the reconstruction is from the image, on average over its pixels. ' : ''}The colours end at the 1st and the 99th percentile of these images.`}
      />
    </div>
  );
}

/** Hides and shows categories. */
function Filter() {
  const { codes, colourOf, filtered } = useMap();
  const column = filtered.value;
  if (!column) return null;
  const shown = shownClasses.value;
  const isShown = (code: number) => shown?.includes(code) ?? true;
  const toggle = (code: number) => {
    const next = codes.value.filter((other) => isShown(other) !== (other === code));
    shownClasses.value = next.length === codes.value.length ? null : next;
  };
  return (
    <fieldset class="map-classes">
      <legend class="visually-hidden">Shown values of {column.name}</legend>
      {codes.value.map((code) => {
        const name = column.categories[code] ?? (column.name === 'class' ? 'unlabelled' : 'none');
        return (
          <button
            key={code}
            type="button"
            class="map-class"
            aria-pressed={isShown(code)}
            title={isShown(code) ? `Hide ${name}` : `Show ${name}`}
            style={{ '--class': cssOf(colourOf(code, column)) }}
            onClick={() => toggle(code)}
          >
            {name}
          </button>
        );
      })}
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
