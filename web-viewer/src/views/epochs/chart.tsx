import { useId } from 'preact/hooks';
import { short } from '../../ui/format.ts';
import { steady } from '../../ui/loss-units.ts';
import { epochTicks, placeOn, type Scale, scaleOfCurves, ticksOf } from '../../ui/scale.ts';
import { useWidth } from '../../ui/use-width.ts';

/** A line of the chart: a value for each epoch, null for a gap. */
export interface Curve {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** The main curve; others are drawn lighter. */
  readonly main: boolean;
}

interface Props {
  readonly title: string;
  readonly unit: string;
  readonly epochs: readonly number[];
  readonly curves: readonly Curve[];
  /** Index in `epochs` of the selected epoch. */
  readonly at: number;
  /** Index of the epoch under the pointer, in this chart or another one. */
  readonly hovered: number | null;
  /** Index of the epoch that the open model is from. */
  readonly open: number | null;
  readonly height: number;
  readonly onMove: (place: number) => void;
  readonly onHover: (place: number | null) => void;
}

const LEFT = 46;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 26;

/** Curves over the epochs, with a marker that follows the pressed pointer. */
export function Chart(props: Props) {
  const { title, unit, epochs, curves, at, hovered, open, height, onMove, onHover } = props;
  const [frame, width] = useWidth<HTMLDivElement>();
  const clip = `clip-${useId()}`;
  const scale = scaleOfCurves(curves);
  const [first, last] = [epochs[0] ?? 0, epochs.at(-1) ?? 0];
  const x = (epoch: number) =>
    LEFT + (width - LEFT - RIGHT) * (last === first ? 0.5 : (epoch - first) / (last - first));
  const y = (value: number) => TOP + (height - TOP - BOTTOM) * (1 - placeOn(scale, value));
  const shown = hovered ?? at;
  const nearest = ({ currentTarget, clientX }: PointerEvent): number => {
    const across = clientX - (currentTarget as Element).getBoundingClientRect().left;
    const distances = epochs.map((epoch) => Math.abs(x(epoch) - across));
    return distances.indexOf(Math.min(...distances));
  };
  const press = (event: PointerEvent) => {
    if (event.button !== 0) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    onMove(nearest(event));
  };
  const move = (event: PointerEvent) => {
    const place = nearest(event);
    onHover(place);
    if ((event.currentTarget as Element).hasPointerCapture(event.pointerId)) onMove(place);
  };
  return (
    <figure class="chart" data-chart={title}>
      <figcaption>
        <strong>{title}</strong>
        <span class="quiet"> {unit}</span>
        <span class="chart-values">
          {curves.map(({ name, values, main }) => (
            <span key={name} class={main ? 'curve main' : 'curve'}>
              <svg class="key" viewBox="0 0 18 8" aria-hidden="true">
                <path d="M1 4H17" />
              </svg>
              {name} <b>{steady(values[shown] ?? null)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div class="chart-frame" ref={frame} style={{ height: `${height}px` }}>
        {width > 0 && (
          <svg
            role="img"
            aria-label={`${title}, ${unit}. ${curves.map((curve) => summary(curve, epochs)).join(' ')}`}
            width={width}
            height={height}
            onPointerDown={press}
            onPointerMove={move}
            onPointerLeave={() => onHover(null)}
          >
            <clipPath id={clip}>
              <rect x={0} y={TOP - 6} width={width} height={height - TOP - BOTTOM + 12} />
            </clipPath>
            <Axes {...{ scale, width, height, x, y, first, last }} />
            {open !== null && <OpenMark x={x(epochs[open] ?? 0)} bottom={height - BOTTOM} />}
            <line class="marker" x1={x(epochs[at] ?? 0)} x2={x(epochs[at] ?? 0)} y1={TOP} y2={height - BOTTOM} />
            {hovered !== null && hovered !== at && (
              <line
                class="marker faint"
                x1={x(epochs[hovered] ?? 0)}
                x2={x(epochs[hovered] ?? 0)}
                y1={TOP}
                y2={height - BOTTOM}
              />
            )}
            {curves.toReversed().map((curve) => (
              <g key={curve.name} class={curve.main ? 'curve main' : 'curve'} clip-path={`url(#${clip})`}>
                <path d={pathOf(curve.values, (place) => x(epochs[place] ?? 0), y)} />
                {[at, shown].map((place, i) => {
                  const value = curve.values[place];
                  if (value == null) return null;
                  return <circle key={i === 0 ? 'at' : 'shown'} cx={x(epochs[place] ?? 0)} cy={y(value)} r={4.5} />;
                })}
              </g>
            ))}
          </svg>
        )}
      </div>
    </figure>
  );
}

interface AxesProps {
  readonly scale: Scale;
  readonly width: number;
  readonly height: number;
  readonly first: number;
  readonly last: number;
  readonly x: (epoch: number) => number;
  readonly y: (value: number) => number;
}

function Axes({ scale, width, height, first, last, x, y }: AxesProps) {
  return (
    <g class="axes">
      {ticksOf(scale, height / 30).map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
          <text x={LEFT - 8} y={y(tick) + 4} text-anchor="end">
            {short(tick)}
          </text>
        </g>
      ))}
      {epochTicks(first, last, width / 70).map((tick) => (
        <text key={tick} x={x(tick)} y={height - 8} text-anchor="middle">
          {tick}
        </text>
      ))}
      {scale.kind === 'log' && (
        <text x={LEFT + 6} y={TOP + 8} class="scale-kind">
          logarithmic scale
        </text>
      )}
    </g>
  );
}

/** Marks the epoch of the open model on the axis. */
function OpenMark({ x, bottom }: { readonly x: number; readonly bottom: number }) {
  return <path class="open-mark" d={`M${x - 5} ${bottom + 7}L${x} ${bottom}L${x + 5} ${bottom + 7}Z`} />;
}

/** An SVG path through the values, with gaps. */
function pathOf(
  values: readonly (number | null)[],
  x: (place: number) => number,
  y: (value: number) => number,
): string {
  let open = false;
  return values
    .map((value, place) => {
      if (value === null) {
        open = false;
        return '';
      }
      const command = open ? 'L' : 'M';
      open = true;
      return `${command}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
    })
    .join('');
}

/** Describes a curve in words. */
function summary({ name, values }: Curve, epochs: readonly number[]): string {
  const known = values.flatMap((value, place) => (value === null ? [] : [{ value, epoch: epochs[place] ?? 0 }]));
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last) return `${name}: not recorded.`;
  const least = known.reduce((a, b) => (b.value < a.value ? b : a));
  const ends = `${name}: ${steady(first.value)} at epoch ${first.epoch}, ${steady(last.value)} at epoch ${last.epoch}`;
  return `${ends}, lowest ${steady(least.value)} at epoch ${least.epoch}.`;
}
