import { grouped, short } from '../../ui/format.ts';
import { lossUnits } from '../../ui/loss-units.ts';
import { epochTicks, placeOn, scaleFor, ticksOf } from '../../ui/scale.ts';
import { useWidth } from '../../ui/use-width.ts';
import { type Point, smoothed, thinned, WINDOW } from './history.ts';
import { exported, history, steps } from './training.ts';

const HEIGHT = 220;
const [LEFT, RIGHT, TOP, BOTTOM] = [46, 12, 10, 26];
/** Minimum number of steps on the axis, so that the first ones do not jump. */
const LEAST_STEPS = 50;

/** The loss of each step, and its running mean. */
export function LossChart() {
  const [frame, width] = useWidth<HTMLDivElement>();
  const count = steps.value;
  const { card } = exported.value ?? {};
  if (!card) return null;
  const { factor, unit } = lossUnits(card);
  const values = history.value.of('loss').slice(0, count).filter(Number.isFinite);
  const places = Math.max(50, Math.round((width - LEFT - RIGHT) / 2));
  const scaled = (points: readonly Point[]): Point[] => points.map(([step, value]) => [step, value * factor]);
  const raw = scaled(thinned(values, places));
  const means = smoothed(values);
  const mean = scaled(thinned(means, places));
  const scale = scaleFor(raw.map(([, value]) => value));
  const last = Math.max(LEAST_STEPS, count);
  const x = (step: number) => LEFT + ((width - LEFT - RIGHT) * step) / last;
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - placeOn(scale, value));
  const path = (points: readonly Point[]) =>
    points.map(([step, value], i) => `${i === 0 ? 'M' : 'L'}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join('');
  const end = mean.at(-1);
  const summary = end
    ? `Loss, ${unit}: ${short(raw[0]?.[1] ?? 0, 4)} in the first of ${grouped(count)} steps, ${short(end[1], 4)} as the mean of the last.`
    : 'Loss: no steps have been taken yet.';
  return (
    <figure class="train-chart">
      <figcaption>
        <strong>Loss</strong> <span class="quiet">{unit}</span>
        <span class="train-keys quiet">
          <Key name="raw" /> each step <Key name="mean" /> mean of {WINDOW}
        </span>
      </figcaption>
      <div ref={frame} class="train-chart-frame">
        {width > 0 && (
          <svg role="img" aria-label={summary} width={width} height={HEIGHT}>
            <g class="axes">
              {values.length > 0 &&
                ticksOf(scale, HEIGHT / 45).map((tick) => (
                  <g key={tick}>
                    <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} />
                    <text x={LEFT - 8} y={y(tick) + 4} text-anchor="end">
                      {short(tick)}
                    </text>
                  </g>
                ))}
              <line x1={LEFT} x2={width - RIGHT} y1={HEIGHT - BOTTOM} y2={HEIGHT - BOTTOM} />
              {epochTicks(0, last, width / 90).map((tick) => (
                <text key={tick} x={x(tick)} y={HEIGHT - 8} text-anchor="middle">
                  {tick === 0 ? 'step 0' : grouped(tick)}
                </text>
              ))}
            </g>
            <path class="raw" d={path(raw)} />
            <path class="mean" d={path(mean)} />
            {end && <circle cx={x(end[0])} cy={y(end[1])} r={4.5} />}
            {values.length === 0 && (
              <text class="empty" x={(LEFT + width - RIGHT) / 2} y={HEIGHT / 2} text-anchor="middle">
                The curve starts with the first step.
              </text>
            )}
          </svg>
        )}
      </div>
    </figure>
  );
}

const Key = ({ name }: { readonly name: string }) => (
  <svg class="train-key" viewBox="0 0 18 8" aria-hidden="true">
    <path class={name} d="M1 4H17" />
  </svg>
);
