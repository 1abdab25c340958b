import { range } from '../data/rows.ts';
import { drawChart } from './chart.ts';
import { type Drawing, FONT, fitText, INK, textWidth } from './drawing.ts';
import { classColours, plainColour, quietColour } from './palette.ts';

/** Size of the plot in units of the chart. */
const PLOT = { width: 620, height: 520 };
/** Space between the outermost points and the frame. */
const MARGIN = 14;
const LEGEND_ROWS = 22;
/** Classes that are named, at most: more names cover the points, and take minutes to place. */
const MOST_NAMED = 100;
const LEGEND = { size: 13 };
const WIDEST_NAME = 160;

export interface Scatter {
  /** `[n, 2]` */
  readonly points: Float32Array | Float64Array;
  /** One class index per point, `[n]`, −1 where it has none; points without labels have one colour. */
  readonly labels?: ArrayLike<number> | undefined;
  /** Class names by index; a class without a name is shown by its index. */
  readonly classes?: readonly string[] | undefined;
  /** Titles of the axes; null for meaningless coordinates (t-SNE), which are drawn without axes and at equal scale. */
  readonly axes: readonly [string, string] | null;
}

type Range = readonly [low: number, high: number];

/** The coordinates to show on each axis. */
interface Frame {
  readonly x: Range;
  readonly y: Range;
}

/**
 * Draws points in the plane, coloured by class, with a legend and each class's name at the median of its points. Names that
 * would overlap are moved apart and connected to their medians by lines. Of more than 100 classes, none is named.
 * @throws RangeError when the numbers of points and labels differ or a coordinate is not finite
 */
export async function drawScatter({ points, labels, classes = [], axes }: Scatter): Promise<Drawing> {
  const n = points.length / 2;
  if (!Number.isInteger(n) || (labels && labels.length !== n)) {
    throw new RangeError(`${points.length} coordinates do not fit ${labels?.length ?? 'any number of'} labels`);
  }
  if (!points.every(Number.isFinite)) throw new RangeError('a point has a coordinate that is not finite');
  const found = labels ? [...new Set(Array.from(labels))].sort((a, b) => a - b) : [];
  const present = [...found.filter((label) => label >= 0), ...found.filter((label) => label < 0)];
  const named = present.length <= MOST_NAMED;
  const names = named ? namesOf(present, classes) : present.map(String);
  const count = Math.max(classes.length, (found.at(-1) ?? -1) + 1);
  const palette = classColours(count);
  const colours = present.map((label) => (label < 0 ? quietColour : (palette[label] ?? plainColour)));
  const frame = frameOf(points, axes === null);
  const nameOf = new Map(present.map((label, i) => [label, names[i] ?? '']));
  const values = shuffledRows(n).map((i) => ({
    x: points[2 * i],
    y: points[2 * i + 1],
    class: nameOf.get(labels?.[i] ?? -1),
  }));
  const longest = named ? Math.max(0, ...names.map((name) => textWidth(name, LEGEND))) : 0;
  const size = count > 40 ? 12 : count > 20 || longest > 60 ? 14 : 18;
  const ofClasses = new Map([...nameOf].filter(([label]) => label >= 0));
  const marks = labels && named ? classLabels(points, labels, ofClasses, frame, size) : [];
  return drawChart({
    ...PLOT,
    layer: [
      pointLayer(values, frame, axes, labels ? { named, names, colours } : undefined),
      ...(marks.length > 0 ? labelLayers(marks, size) : []),
    ],
  });
}

/** Unique names, as a legend needs them. */
function namesOf(present: readonly number[], classes: readonly string[]): string[] {
  const nameOf = (label: number) => (label < 0 ? 'unlabelled' : (classes[label] ?? String(label)));
  const names = present.map((label) => fitText(nameOf(label), LEGEND, WIDEST_NAME));
  return names.map((name, i) => (names.indexOf(name) === i && name !== '' ? name : `${name} (${present[i]})`));
}

/** @param equal whether units have the same length on both axes */
function frameOf(points: Scatter['points'], equal: boolean): Frame {
  const axes = [PLOT.width, PLOT.height].map((length, axis) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = axis; i < points.length; i += 2) {
      low = Math.min(low, points[i] ?? 0);
      high = Math.max(high, points[i] ?? 0);
    }
    const [middle, span] = low > high ? [0, 2] : [(low + high) / 2, high - low || 2];
    return { length, middle, unit: span / (length - 2 * MARGIN) };
  });
  const largest = Math.max(...axes.map(({ unit }) => unit));
  const [x = [0, 1], y = [0, 1]] = axes.map(({ length, middle, unit }): Range => {
    const half = ((equal ? largest : unit) * length) / 2;
    return [middle - half, middle + half];
  });
  return { x, y };
}

/** All rows in a fixed pseudo-random order, so that the last class does not cover the others. */
function shuffledRows(n: number): number[] {
  const key = (i: number) => Math.imul(i + 1, 0x9e3779b1) >>> 0; // multiplicative hashing: a permutation of 32-bit numbers
  return [...range(0, n)].sort((a, b) => key(a) - key(b));
}

/**
 * Places the classes' names in the plot, in its units.
 * @returns for each class the median of its points (`x`, `y`), the centre of its name (`labelX`, `labelY`), and whether
 * they are so far apart that a line must connect them (`moved`)
 */
function classLabels(
  points: Scatter['points'],
  labels: ArrayLike<number>,
  names: ReadonlyMap<number, string>,
  frame: Frame,
  size: number,
) {
  const share = (value: number, [low, high]: Range) => (value - low) / (high - low);
  const boxes = [...names].map(([label, name]) => {
    const rows = range(0, labels.length).filter((i) => labels[i] === label);
    const medianOf = (axis: number) => median(Float64Array.from(rows, (i) => points[2 * i + axis] ?? 0));
    return {
      name,
      x: PLOT.width * share(medianOf(0), frame.x),
      y: PLOT.height * (1 - share(medianOf(1), frame.y)),
      width: textWidth(name, { size, bold: true }) + 6,
      height: size + 2,
    };
  });
  const places = placeLabels(boxes, PLOT);
  return boxes.map(({ name, x, y }, i) => {
    const { x: labelX, y: labelY } = places[i] ?? { x, y };
    return { name, x, y, labelX, labelY, moved: Math.hypot(labelX - x, labelY - y) > 0.75 * size };
  });
}

function median(values: Float64Array): number {
  values.sort();
  const half = (values.length - 1) / 2;
  return ((values[Math.floor(half)] ?? 0) + (values[Math.ceil(half)] ?? 0)) / 2;
}

function pointLayer(
  values: readonly object[],
  { x, y }: Frame,
  axes: Scatter['axes'],
  groups: { named: boolean; names: readonly string[]; colours: readonly string[] } | undefined,
): object {
  const position = (field: string, domain: Range, title: string | undefined) => ({
    field,
    type: 'quantitative',
    scale: { domain, nice: false, zero: false },
    axis: title === undefined ? null : { title, tickCount: 7 },
  });
  const colour = groups && {
    field: 'class',
    type: 'nominal',
    scale: { domain: groups.names, range: groups.colours },
    legend: groups.named
      ? { title: null, symbolSize: 90, symbolOpacity: 1, columns: Math.ceil(groups.names.length / LEGEND_ROWS) }
      : null,
  };
  return {
    data: { values },
    mark: {
      type: 'circle',
      size: Math.min(40, Math.max(12, 120_000 / Math.max(1, values.length))),
      opacity: 0.6,
      ...(groups ? {} : { color: plainColour }),
    },
    encoding: { x: position('x', x, axes?.[0]), y: position('y', y, axes?.[1]), ...(colour ? { color: colour } : {}) },
  };
}

function labelLayers(marks: ReturnType<typeof classLabels>, size: number): object[] {
  const at = (x: string, y: string) => ({
    x: { field: x, type: 'quantitative', scale: null },
    y: { field: y, type: 'quantitative', scale: null },
  });
  const text = { type: 'text', font: FONT, fontSize: size, fontWeight: 'bold', baseline: 'middle' };
  const encoding = { ...at('labelX', 'labelY'), text: { field: 'name', type: 'nominal' } };
  const leader = {
    data: { values: marks.filter(({ moved }) => moved) },
    encoding: { ...at('x', 'y'), x2: { field: 'labelX' }, y2: { field: 'labelY' } },
  };
  const anchor = { data: leader.data, encoding: at('x', 'y') };
  const data = { values: marks };
  return [
    { ...leader, mark: { type: 'rule', stroke: 'white', strokeWidth: 3.5 } },
    { ...leader, mark: { type: 'rule', stroke: INK, strokeWidth: 1.2 } },
    { ...anchor, mark: { type: 'circle', size: 30, color: INK, stroke: 'white', strokeWidth: 1, opacity: 1 } },
    { data, encoding, mark: { ...text, stroke: 'white', strokeWidth: 5, strokeJoin: 'round', fill: 'white' } },
    { data, encoding, mark: { ...text, fill: INK } },
  ];
}

/** A label's box in pixels; `x` and `y` are its centre. */
export interface LabelBox {
  x: number;
  y: number;
  readonly width: number;
  readonly height: number;
}

const ROUNDS = 300;

/**
 * Positions labels (by their centres) as close as possible to where they are wanted: labels that overlap are pushed apart in
 * the shorter direction until none do, or for a number of rounds where there are too many for the area.
 */
export function placeLabels(
  wanted: readonly LabelBox[],
  area: { readonly width: number; readonly height: number },
): { x: number; y: number }[] {
  const boxes = wanted.map((box) => ({ ...box }));
  for (let round = 0; round < ROUNDS; round++) {
    let moved = false;
    boxes.forEach((a, i) => {
      for (const b of boxes.slice(i + 1)) moved = pushApart(a, b) || moved;
    });
    for (const box of boxes) {
      box.x = clamp(box.x, box.width / 2, area.width - box.width / 2);
      box.y = clamp(box.y, box.height / 2, area.height - box.height / 2);
    }
    if (!moved) break;
  }
  return boxes.map(({ x, y }) => ({ x, y }));
}

/**
 * Pushes two boxes apart in the shorter direction.
 * @returns whether they overlapped
 */
function pushApart(a: LabelBox, b: LabelBox): boolean {
  const overlapX = (a.width + b.width) / 2 - Math.abs(a.x - b.x);
  const overlapY = (a.height + b.height) / 2 - Math.abs(a.y - b.y);
  if (overlapX <= 0.01 || overlapY <= 0.01) return false;
  const [axis, overlap] = overlapX < overlapY ? (['x', overlapX] as const) : (['y', overlapY] as const);
  const push = ((a[axis] <= b[axis] ? -1 : 1) * overlap) / 2;
  a[axis] += push;
  b[axis] -= push;
  return true;
}

const clamp = (value: number, least: number, most: number): number =>
  least > most ? (least + most) / 2 : Math.min(most, Math.max(least, value));
