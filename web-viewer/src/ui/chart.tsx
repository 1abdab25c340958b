import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { messageOf } from '../site/problem.ts';
import './chart.css';
import { isDark } from '../state/theme.ts';
import { grouped, short } from './format.ts';
import { steady } from './loss-units.ts';
import { scaleOfCurves } from './scale.ts';

/** A line of the chart: a value for each position on the x axis, null for a gap. */
export interface Curve {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** The main curve decides about the scale. */
  readonly look: 'main' | 'dashed' | 'thin';
}

interface Props {
  readonly title: string;
  readonly unit: string;
  /** What the x axis counts: `epoch` or `step`. */
  readonly counts: string;
  /** Positions on the x axis, ascending, and its end where that is farther than the last. */
  readonly x: readonly number[];
  readonly end?: number;
  readonly curves: readonly Curve[];
  /** Index of the selected position, marked by a line; the last where none is selected. */
  readonly at?: number;
  /** Index of the position under the pointer, in this chart or another one. */
  readonly hovered: number | null;
  readonly height: number;
  readonly onSelect?: (index: number) => void;
  readonly onHover: (index: number | null) => void;
}

const LOOKS = {
  main: { colour: '--accent', width: 2.5, dash: [] },
  dashed: { colour: '--line-strong', width: 2, dash: [5, 4] },
  thin: { colour: '--line-strong', width: 1, dash: [] },
} as const;

/** uPlot is only loaded where there is a chart. */
export const loadPlot = async () =>
  (await Promise.all([import('uplot'), import('uplot/dist/uPlot.min.css')]))[0].default;

const scaleOf = (curves: readonly Curve[]) =>
  scaleOfCurves(curves.map(({ values, look }) => ({ values, main: look === 'main' })));

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name);

/** Curves over epochs or steps, with their values at the selected position or under the pointer. */
export function Chart(props: Props) {
  const { title, unit, counts, x, curves, at = x.length - 1, hovered, height } = props;
  const [frame, width] = useWidth<HTMLDivElement>();
  const [plot, setPlot] = useState<uPlot | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const current = useRef(props);
  current.current = props;
  const { kind } = scaleOf(curves);
  const looks = curves.map(({ look }) => look).join();
  useEffect(() => {
    let made: uPlot | null = null;
    let wanted = true;
    const make = async () => {
      try {
        const Plot = await loadPlot();
        if (!wanted || !frame.current) return;
        made = new Plot(optionsFor(current, kind), dataOf(current.current), frame.current);
        setPlot(made);
      } catch (error) {
        setProblem(messageOf(error));
      }
    };
    void make();
    return () => {
      wanted = false;
      made?.destroy();
      setPlot(null);
    };
  }, [kind, looks, frame]);
  void isDark.value;
  useEffect(() => {
    if (!plot || width === 0) return;
    if (plot.width !== width || plot.height !== height) plot.setSize({ width, height });
    plot.setData(dataOf(props));
  });
  const shown = hovered ?? at;
  const summary = curves.map((curve) => inWords(curve, x, counts)).join(' ');
  return (
    <figure class="chart" data-chart={title}>
      <figcaption>
        <strong>{title}</strong>
        <span class="quiet"> {unit}</span>
        <span class="chart-values">
          {curves.map(({ name, values, look }) => (
            <span key={name} class={look}>
              {name} <b>{steady(values[shown])}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div
        ref={frame}
        class="chart-frame"
        style={{ height: `${height}px` }}
        role="img"
        aria-label={`${title}, ${unit}. ${summary}`}
      />
      {problem && <p class="say">The chart cannot be drawn: {problem}.</p>}
    </figure>
  );
}

const dataOf = ({ x, curves }: Props): uPlot.AlignedData =>
  [[...x], ...curves.map(({ values }) => [...values])] as uPlot.AlignedData;

function optionsFor(current: { readonly current: Props }, kind: 'linear' | 'log'): uPlot.Options {
  const { height, curves } = current.current;
  const grid = { stroke: () => colour('--line'), width: 1 };
  const axis = { stroke: () => colour('--ink-2'), font: '12px system-ui, sans-serif', grid, ticks: { show: false } };
  const texts = (_: uPlot, values: readonly (number | null)[]) =>
    values.map((value) => (value === null ? '' : short(value)));
  return {
    width: 100,
    height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
    scales: {
      x: {
        time: false,
        range: () => {
          const { x, end = 0 } = current.current;
          const [first, last] = [x[0] ?? 0, Math.max(end, x.at(-1) ?? 0)];
          return first === last ? [first - 0.5, last + 0.5] : [end > 0 ? 0 : first, last];
        },
      },
      y: {
        distr: kind === 'log' ? 3 : 1,
        range: () => {
          const { low, high } = scaleOf(current.current.curves);
          return [low, high];
        },
      },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 30,
        gap: 8,
        // Whole epochs and steps.
        incrs: [1, 2, 5]
          .flatMap((digit) => [digit, digit * 10, digit * 100, digit * 1e3, digit * 1e4])
          .sort((a, b) => a - b),
        values: (_, values) => values.map((value) => grouped(value)),
      },
      { ...axis, size: 50, gap: 4, values: texts },
    ],
    series: [
      {},
      ...curves.map(({ name, look }) => ({
        label: name,
        stroke: () => colour(LOOKS[look].colour),
        width: LOOKS[look].width,
        dash: [...LOOKS[look].dash],
        points: { show: false },
      })),
    ],
    hooks: {
      setCursor: [(plot) => current.current.onHover(plot.cursor.idx ?? null)],
      draw: [(plot) => drawMarks(plot, current.current)],
      ready: [(plot) => listen(plot, current)],
    },
  };
}

/** The selected position as a line with dots on the curves. */
function drawMarks(plot: uPlot, { x, curves, at = -1, hovered, onSelect }: Props): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const across = (index: number) => plot.valToPos(x[index] ?? 0, 'x', true);
  ctx.save();
  if (onSelect && x[at] !== undefined) {
    ctx.fillStyle = colour('--accent');
    ctx.fillRect(across(at) - 0.75 * ratio, bbox.top, 1.5 * ratio, bbox.height);
  }
  for (const { values, look } of curves) {
    for (const index of new Set([onSelect ? at : x.length - 1, hovered ?? -1])) {
      const value = values[index];
      if (value === null || value === undefined || look === 'thin') continue;
      ctx.beginPath();
      ctx.arc(across(index), plot.valToPos(value, 'y', true), 4.5 * ratio, 0, 2 * Math.PI);
      ctx.fillStyle = colour(LOOKS[look].colour);
      ctx.fill();
    }
  }
  ctx.restore();
}

/** Selects the position under the pressed pointer. */
function listen({ over, posToIdx }: uPlot, current: { readonly current: Props }): void {
  if (!current.current.onSelect) return;
  const select = (event: PointerEvent) =>
    current.current.onSelect?.(posToIdx(event.clientX - over.getBoundingClientRect().left));
  over.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    over.setPointerCapture(event.pointerId);
    select(event);
  });
  over.addEventListener('pointermove', (event) => {
    if (over.hasPointerCapture(event.pointerId)) select(event);
  });
}

/** A curve in words. */
function inWords({ name, values }: Curve, x: readonly number[], counts: string): string {
  const known = values.flatMap((value, i) => (value === null ? [] : [{ value, at: x[i] ?? 0 }]));
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last) return `${name}: nothing yet.`;
  const least = known.reduce((a, b) => (b.value < a.value ? b : a));
  const place = ({ value, at }: typeof first) => `${steady(value)} at ${counts} ${at}`;
  return `${name}: ${place(first)}, ${place(last)}, lowest ${place(least)}.`;
}

/** Tracks an element's width: a ref for the element, and its width in CSS pixels (0 before it is mounted). */
function useWidth<E extends HTMLElement>() {
  const element = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const { current } = element;
    if (!current) return undefined;
    setWidth(current.clientWidth);
    const observer = new ResizeObserver(() => setWidth(current.clientWidth));
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  return [element, width] as const;
}
