import { showLatent } from '../../state/explore.ts';
import { currentLatent } from '../../state/store.ts';
import { Button, Range, setter } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { FIRST, useLatent } from './create-latent.ts';
import { type Dimension, moved, shareOf, withValue } from './dimensions.ts';
import { Strip } from './strip.tsx';

/** A slider for each latent dimension, the most informative first. */
export function Sliders() {
  const { allSliders, deviations, dimensions, sliders } = useLatent();
  const all = dimensions.value;
  const byKl = all[0]?.kl !== null;
  const most = Math.max(...all.map(({ kl, variance }) => kl ?? variance), Number.MIN_VALUE);
  const inactive = all.filter((dimension) => dimension.inactive).length;
  return (
    <section class="stack sliders" aria-label="Sliders">
      <div class="row">
        <h3>Sliders</h3>
        <span class="say">
          most informative first{' '}
          <Hint
            about="the order"
            text={`Ordered by ${byKl ? 'KL divergence' : 'variance over the images'}, shown by the bar under each name. The mark on a slider is the input image’s value${deviations.value ? ', and the line across it the encoder’s standard deviation: its uncertainty' : ''}.`}
          />
        </span>
      </div>
      {sliders.value.map((dimension) => (
        <Slider key={dimension.index} dimension={dimension} weight={(dimension.kl ?? dimension.variance) / most} />
      ))}
      {inactive > 0 && (
        <p class="say">
          {inactive} of {all.length} dimensions are inactive: the model does not use them.
        </p>
      )}
      {all.length > FIRST && (
        <Button aria-expanded={allSliders.value} onClick={() => setter(allSliders)(!allSliders.value)}>
          {allSliders.value ? `Show the first ${FIRST}` : `Show all ${all.length}`}
        </Button>
      )}
    </section>
  );
}

interface Props {
  readonly dimension: Dimension;
  /** Information relative to the first dimension. */
  readonly weight: number;
}

const percentOf = (share: number) => `${(100 * share).toFixed(2)}%`;
const extent = ([from = 0, to = 0]: readonly number[]) => ({ left: percentOf(from), width: percentOf(to - from) });
/** A number without a minus sign before zero. */
const fixed = (value: number, decimals: number) => (Number(value.toFixed(decimals)) || 0).toFixed(decimals);

function Slider({ dimension, weight }: Props) {
  const { active, allStrips, deviations, inputLatent, resetValue, touch } = useLatent();
  const { decimals, index, low, high, kl, inactive } = dimension;
  const text = (value: number) => fixed(value, decimals - 1);
  const back = resetValue(dimension);
  const value = currentLatent.value?.[index] ?? back;
  const set = (target: number) => {
    touch(dimension);
    if (currentLatent.value) showLatent(withValue(currentLatent.value, index, target), 'sliders');
  };
  const mark = shareOf(dimension, back);
  const away = Math.abs(value - back) >= 0.5 * 10 ** -decimals;
  const deviation = deviations.value?.[index];
  const spread =
    deviation === undefined ? null : [shareOf(dimension, back - deviation), shareOf(dimension, back + deviation)];
  return (
    <div class="dimension" data-dimension={index} data-off={inactive} data-active={active.value?.index === index}>
      <span class="name" title={kl === null ? undefined : `KL ${kl.toFixed(3)} nats`}>
        z{index}
        <i class="weight" style={{ width: percentOf(Math.max(0, weight)) }} />
      </span>
      <span class="track">
        <span class="scale">
          {spread && <i class="deviation" title={`± ${deviation?.toFixed(2)}`} style={extent(spread)} />}
          {inputLatent.value && <i class="mark" style={{ left: percentOf(mark) }} />}
        </span>
        <Range
          min={low}
          max={high}
          step="any"
          value={value}
          aria-label={`z${index}${inactive ? ', inactive' : ''}`}
          aria-valuetext={text(value).replace('-', '−')}
          onChoose={(value) => set(Number(value.toFixed(decimals)))}
          onKeyDown={(event) => {
            const target = moved(dimension, value, event.key);
            if (target === null || event.ctrlKey || event.metaKey || event.altKey) return;
            event.preventDefault();
            set(target);
          }}
          onFocus={() => touch(dimension)}
          onPointerDown={() => touch(dimension)}
          onDblClick={() => set(back)}
        />
      </span>
      <input
        type="number"
        class="value"
        step="any"
        value={text(value)}
        aria-label={`Value of z${index}`}
        onChange={({ currentTarget }) => {
          const typed = currentTarget.valueAsNumber;
          if (Number.isFinite(typed)) set(typed);
          else currentTarget.value = text(value);
        }}
      />
      <Button
        class="text-button back"
        disabled={!away}
        aria-label={`Reset z${index} to ${text(back).replace('-', '−')}`}
        onClick={({ currentTarget }) => {
          set(back);
          // The button disappears.
          currentTarget.parentElement?.querySelector('input')?.focus();
        }}
      >
        ↺
      </Button>
      {allStrips.value && <Strip dimension={dimension} focusable={false} />}
    </div>
  );
}
