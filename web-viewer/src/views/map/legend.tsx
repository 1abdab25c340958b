import { colourBy, shownClasses } from '../../state/store.ts';
import { asOptions, Button, Select, setter } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { exact, grouped } from '../../ui/format.ts';
import { cssOf } from '../../ui/rgb.ts';
import { scaleColour } from './colours.ts';
import { categoryName } from './columns.ts';
import { useMap } from './create-map.ts';
import { errorUnit } from './image-of-row.tsx';

/** Explains colours and marks, chooses columns and axes, and filters categories. */
export function Legend() {
  const { column, drawnOrder, filtered, points, setColumn, table } = useMap();
  if (!points.value) return null;
  const names = table.columns.value.map(({ name }) => name);
  return (
    <div class="row map-legend">
      <label>
        Colour{' '}
        <Select
          value={column.value?.name ?? ''}
          options={[...(column.value ? [] : [['', 'none'] as const]), ...asOptions(names)]}
          onChoose={setColumn}
        />
      </label>
      {column.value && colourBy.value !== 'class' && !names.includes(colourBy.value) && (
        <span class="quiet">No column is named “{colourBy.value}” here.</span>
      )}
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
  const all = Array.from({ length: latentSize.value }, (_, d) => [d, `z${d}`] as const);
  return (
    <span>
      <label>
        Axes{' '}
        <Select
          value={pair ? LATENTS : (axes.value?.toString() ?? maps[0] ?? LATENTS)}
          options={asOptions([...maps, LATENTS])}
          onChoose={(name) => setAxes(name === LATENTS ? [0, 1] : name === maps[0] ? null : name)}
        />
      </label>
      {pair && (
        <>
          <Select
            aria-label="Dimension along x"
            value={pair[0]}
            options={all}
            onChoose={(x) => setAxes([x, pair[1]])}
          />
          <Select
            aria-label="Dimension along y"
            value={pair[1]}
            options={all}
            onChoose={(y) => setAxes([pair[0], y])}
          />
        </>
      )}
    </span>
  );
}

/** The colours of numbers. */
function Scale({ name }: { readonly name: string }) {
  const { ground, range } = useMap();
  const [low, high] = range.value;
  // Enough to tell the ends apart.
  const digits = 2 + Math.max(0, Math.ceil(Math.log10(Math.max(Math.abs(low), Math.abs(high)) / (high - low))));
  const [lowest, highest] = [exact(low, digits), exact(high, digits)];
  const stops = Array.from({ length: 9 }, (_, i) => cssOf(scaleColour(i / 8, ground.value.kind)));
  const unit = name === 'error' ? errorUnit() : '';
  return (
    <div class="row colour-bar">
      <span>≤ {lowest}</span>
      <span
        class="colour-bar-scale"
        role="img"
        aria-label={`Colours from ${lowest} to ${highest} ${unit}`}
        style={{ background: `linear-gradient(90deg, ${stops.join(', ')})` }}
      />
      <span>
        ≥ {highest} <span class="unit">{unit}</span>
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
    <fieldset class="row map-classes">
      <legend class="visually-hidden">Shown values of {column.name}</legend>
      {codes.value.map((code) => {
        const name = categoryName(column, code);
        return (
          <Button
            key={code}
            class="map-class"
            aria-pressed={isShown(code)}
            title={isShown(code) ? `Hide ${name}` : `Show ${name}`}
            style={{ '--class': cssOf(colourOf(code, column)) }}
            onClick={() => toggle(code)}
          >
            {name}
          </Button>
        );
      })}
      <Button class="text-button" onClick={() => setter(shownClasses)(shown === null ? [] : null)}>
        {shown === null ? 'Hide all' : 'Show all'}
      </Button>
    </fieldset>
  );
}
