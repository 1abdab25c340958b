import { computed, signal } from '@preact/signals';
import { colourBy, model, shownClasses } from '../../state/store.ts';
import { onDark, type Rgb, rgbOf } from '../../ui/rgb.ts';
import { byCode, coloursOf, type Ground, rangeOf, shownRows, stepColours, stepsOf } from './colours.ts';
import { type Columns, plainColour, quietColour } from './columns.ts';
import type { Layout } from './create-layout.ts';
import { meaningsOf, rowsOfSelection, type Selectable, type Selection } from './selection.ts';
import { shuffledRows } from './thumbnails.ts';

/** Which points are drawn, in which colours, and which of them are selected. */
export function createPoints({ grid, points, positions }: Layout, { columns }: Columns) {
  const selection = signal<Selection | null>(null);
  /** Whether points that are not selected are hidden; else they fade. */
  const onlySelected = signal(false);
  /** The background that points are drawn on. */
  const ground = signal<{ readonly kind: Ground; readonly rgb: Rgb }>({ kind: 'light', rgb: [255, 255, 255] });

  /** The column that colours show: the chosen one, else the first; null where images without classes are on their way. */
  const column = computed(() => {
    const isKnown = model.value?.set || colourBy.value !== 'class';
    return columns.value.find(({ name }) => name === colourBy.value) ?? (isKnown ? columns.value[0] : null) ?? null;
  });
  const numbers = computed(() => {
    const values = column.value?.values;
    return values && !(values instanceof Int32Array) ? values : null;
  });
  /** The column whose categories are filtered. */
  const filtered = computed(() => {
    if (column.value?.kind === 'category') return column.value;
    return columns.value.find(({ name }) => name === 'class') ?? null;
  });
  /** The filtered categories, by index, and last −1 where some points have none. */
  const codes = computed(() => {
    const { categories = [], values } = filtered.value ?? {};
    return [...categories.keys(), ...(values?.some((code) => code < 0) ? [-1] : [])];
  });
  const passing = computed(() => {
    const { categories = [], values } = filtered.value ?? {};
    return shownRows(values instanceof Int32Array ? values : null, categories.length, shownClasses.value);
  });

  /** What selections are made from. */
  const selectable = computed((): Selectable | null => {
    const [current, mask, set] = [points.value, passing.value, model.value?.set];
    return (
      current && {
        points: current,
        grid: grid.value,
        columns: columns.value,
        idOf: (row) => set?.id(row) ?? String(row),
        shown: (row) => !mask || mask[row] === 1,
      }
    );
  });
  const selected = computed(
    () => selection.value && selectable.value && rowsOfSelection(selection.value, selectable.value),
  );
  /** What the searched text can mean, the first is what was found. */
  const meanings = computed(() =>
    selection.value?.kind === 'search' && selectable.value ? meaningsOf(selection.value.text, selectable.value) : [],
  );
  /** 1 for each selected row; null without a selection. */
  const bright = computed(() => {
    if (!selected.value || selected.value.length === 0) return null;
    const mask = new Uint8Array(points.value?.count ?? 0);
    for (const row of selected.value) mask[row] = 1;
    return mask;
  });
  /** 1 for each visible row; null for all. */
  const shown = computed(() => (onlySelected.value && bright.value ? bright.value : passing.value));

  const shuffled = computed(() => {
    const map = positions.value;
    return shuffledRows(map.length / 2).filter((row) =>
      Number.isFinite((map[2 * row] as number) + (map[2 * row + 1] as number)),
    );
  });
  /** The visible rows, in random order. */
  const shownShuffled = computed(() => {
    const mask = shown.value;
    return mask ? shuffled.value.filter((row) => mask[row]) : shuffled.value;
  });
  const range = computed(() => (numbers.value ? rangeOf(numbers.value) : ([0, 1] as const)));
  const steps = computed(() => numbers.value && stepsOf(numbers.value, range.value));
  /** The drawn rows, the topmost last: the highest numbers, and above all the selected. */
  const drawnOrder = computed(() => {
    const order = steps.value ? byCode(shownShuffled.value, steps.value) : shownShuffled.value;
    const mask = bright.value;
    if (!mask || onlySelected.value) return order;
    const above = order.filter((row) => mask[row]);
    const all = new Uint32Array(order.length);
    all.set(order.filter((row) => !mask[row]));
    all.set(above, order.length - above.length);
    return all;
  });

  /** The colour of a category of the column on the map; of −1, of points without one; of null, where there are none. */
  const colourOf = (code: number | null, of = column.value): Rgb => {
    const colour = code === null ? plainColour : (of?.colours[code] ?? quietColour);
    return rgbOf(ground.value.kind === 'dark' ? onDark(colour) : colour);
  };
  /** The colour of each row `[N, 4]`. */
  const pointColours = computed(() => {
    const { kind, rgb } = ground.value;
    const mask = onlySelected.value ? null : bright.value;
    if (steps.value) return coloursOf(steps.value, stepColours(kind), colourOf(-1), rgb, mask);
    const { categories = [], kind: ofColumn, values } = column.value ?? {};
    const ofRows = values instanceof Int32Array ? values : new Int32Array(points.value?.count ?? 0).fill(-1);
    const none = colourOf(ofColumn === 'category' ? -1 : null);
    return coloursOf(
      ofRows,
      categories.map((_, code) => colourOf(code)),
      none,
      rgb,
      mask,
    );
  });

  return {
    ...{ selection, onlySelected, ground, column, filtered, codes, selected, bright, shown, shownShuffled, range },
    ...{ meanings, drawnOrder, colourOf, pointColours },
  };
}
