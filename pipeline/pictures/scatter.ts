import type { TopLevelSpec } from 'vega-lite';
import { drawChart } from './chart.ts';
import { type Drawing, FONT, fitText, INK, textWidth } from './drawing.ts';
import { placeLabels } from './labels.ts';
import { classColours, plainColour } from './palette.ts';

/** The plot, in units of the chart. */
const PLOT = { width: 620, height: 520 };
/** Room between the outermost points and the frame. */
const MARGIN = 14;
const LEGEND_ROWS = 22;
const LEGEND = { size: 13 };
const WIDEST_NAME = 160;

export interface Scatter {
  /** `[n, 2]` */
  readonly points: Float32Array | Float64Array;
  /** One class index per point, `[n]`; without it all points look alike. */
  readonly labels?: ArrayLike<number> | undefined;
  /** Class names by index; a class without one is called by its number. */
  readonly classes?: readonly string[] | undefined;
  readonly title?: string | undefined;
  /** Titles of the axes; null for coordinates that mean nothing (t-SNE), drawn without axes and at equal scale. */
  readonly axes: readonly [string, string] | null;
}

interface Frame {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

interface ClassLabel {
  readonly name: string;
  /** The median of the class's points, and where its name is, in the points' coordinates. */
  readonly x: number;
  readonly y: number;
  readonly labelX: number;
  readonly labelY: number;
  /** Whether the name had to go so far from the median that a line must lead there. */
  readonly moved: boolean;
}

/**
 * Points in the plane, coloured by class, with a legend and each class's name at the median of its points; names that
 * would cover one another are moved apart, with a line to where they belong.
 * @throws RangeError where numbers of points and labels differ or a coordinate is not finite
 */
export async function drawScatter({ points, labels, classes = [], title, axes }: Scatter): Promise<Drawing> {
  const n = points.length / 2;
  if (!Number.isInteger(n) || (labels && labels.length !== n)) {
    throw new RangeError(`${points.length} coordinates do not fit ${labels?.length ?? 'any number of'} labels`);
  }
  if (!points.every(Number.isFinite)) throw new RangeError('a point has a coordinate that is not finite');
  const present = labels ? [...new Set(Array.from(labels))].sort((a, b) => a - b) : [];
  const names = namesOf(present, classes);
  const count = Math.max(classes.length, (present.at(-1) ?? -1) + 1);
  const palette = classColours(count);
  const colours = present.map((label) => palette[label] ?? plainColour);
  const frame = frameOf(points, axes === null);
  const nameOf = new Map(present.map((label, i) => [label, names[i] ?? '']));
  const values = shuffledRows(n).map((i) => ({
    x: points[2 * i],
    y: points[2 * i + 1],
    class: nameOf.get(labels?.[i] ?? -1),
  }));
  const longest = Math.max(0, ...names.map((name) => textWidth(name, LEGEND)));
  const size = count > 40 ? 12 : count > 20 || longest > 60 ? 14 : 18;
  const marks = labels ? classLabels(points, labels, nameOf, frame, size) : [];
  return drawChart({
    ...PLOT,
    ...(title === undefined ? {} : { title }),
    layer: [
      pointLayer(values, frame, axes, labels ? { names, colours } : undefined),
      ...(marks.length > 0 ? labelLayers(marks, size) : []),
    ],
  } as TopLevelSpec);
}

/** Names that are unique, as a legend needs them. */
function namesOf(present: readonly number[], classes: readonly string[]): string[] {
  const names = present.map((label) => fitText(classes[label] ?? String(label), LEGEND, WIDEST_NAME));
  return names.map((name, i) => (names.indexOf(name) === i && name !== '' ? name : `${name} (${present[i]})`));
}

/** The ranges that are shown; `equal`: a unit is as long on either axis. */
function frameOf(points: Float32Array | Float64Array, equal: boolean): Frame {
  const ranges = [0, 1].map((axis) => {
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = axis; i < points.length; i += 2) {
      least = Math.min(least, points[i] ?? 0);
      most = Math.max(most, points[i] ?? 0);
    }
    if (least > most) return { middle: 0, span: 2 };
    return { middle: (least + most) / 2, span: most - least || 2 };
  });
  const lengths = [PLOT.width, PLOT.height].map((length) => length - 2 * MARGIN);
  const perPixel = ranges.map(({ span }, axis) => span / (lengths[axis] ?? 1));
  const domain = (axis: number, length: number): [number, number] => {
    const unit = equal ? Math.max(...perPixel) : (perPixel[axis] ?? 1);
    const middle = ranges[axis]?.middle ?? 0;
    return [middle - (unit * length) / 2, middle + (unit * length) / 2];
  };
  return { x: domain(0, PLOT.width), y: domain(1, PLOT.height) };
}

/** All rows in a fixed mixed order, so that no class lies over the others because it comes last. */
function shuffledRows(n: number): number[] {
  const key = (i: number) => Math.imul(i + 1, 0x9e3779b1) >>> 0; // multiplicative hashing: a permutation of 32-bit numbers
  return Array.from({ length: n }, (_, i) => i).sort((a, b) => key(a) - key(b));
}

function classLabels(
  points: Float32Array | Float64Array,
  labels: ArrayLike<number>,
  names: ReadonlyMap<number, string>,
  { x, y }: Frame,
  size: number,
): ClassLabel[] {
  const anchors = [...names].map(([label, name]) => {
    const rows = Array.from({ length: labels.length }, (_, i) => i).filter((i) => labels[i] === label);
    const at = [0, 1].map((axis) => median(rows.map((i) => points[2 * i + axis] ?? 0)));
    return { name, x: at[0] ?? 0, y: at[1] ?? 0 };
  });
  const unitX = (x[1] - x[0]) / PLOT.width;
  const unitY = (y[1] - y[0]) / PLOT.height;
  const boxes = anchors.map((anchor) => ({
    x: (anchor.x - x[0]) / unitX,
    y: (y[1] - anchor.y) / unitY,
    width: textWidth(anchor.name, { size, bold: true }) + 6,
    height: size + 2,
  }));
  return placeLabels(boxes, PLOT).map((place, i) => {
    const anchor = anchors[i] ?? { name: '', x: 0, y: 0 };
    const distance = Math.hypot(place.x - (boxes[i]?.x ?? 0), place.y - (boxes[i]?.y ?? 0));
    return { ...anchor, labelX: x[0] + place.x * unitX, labelY: y[1] - place.y * unitY, moved: distance > 0.75 * size };
  });
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  const half = values.length >> 1;
  return values.length % 2 === 1 ? (values[half] ?? 0) : ((values[half - 1] ?? 0) + (values[half] ?? 0)) / 2;
}

function pointLayer(
  values: readonly object[],
  { x, y }: Frame,
  axes: Scatter['axes'],
  groups: { names: readonly string[]; colours: readonly string[] } | undefined,
): object {
  const axis = (title: string | undefined) => (title === undefined ? null : { title, tickCount: 7 });
  const position = (field: string, domain: readonly [number, number], title: string | undefined) => ({
    field,
    type: 'quantitative',
    scale: { domain, nice: false, zero: false },
    axis: axis(title),
  });
  const colour = groups && {
    field: 'class',
    type: 'nominal',
    scale: { domain: groups.names, range: groups.colours },
    legend: { title: null, symbolSize: 90, symbolOpacity: 1, columns: Math.ceil(groups.names.length / LEGEND_ROWS) },
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

function labelLayers(marks: readonly ClassLabel[], size: number): object[] {
  const at = (x: string, y: string) => ({
    x: { field: x, type: 'quantitative' },
    y: { field: y, type: 'quantitative' },
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
