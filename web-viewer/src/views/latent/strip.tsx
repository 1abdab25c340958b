import { showLatent } from '../../state/explore.ts';
import { currentLatent, model } from '../../state/store.ts';
import { Button, setter } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { short } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { useLatent } from './create-latent.ts';
import { type Dimension, OFFSETS, withValue } from './dimensions.ts';

const COLUMNS = { '--columns': OFFSETS.length };

/** Shows what the last touched dimension does, and its statistics. */
export function ActiveStrip() {
  const { active, allStrips } = useLatent();
  const shown = active.value;
  if (!shown) return null;
  const { index, kl, variance, mean, std, inactive } = shown;
  return (
    <section class="stack strip" aria-label={`What z${index} does`}>
      <div class="row spread">
        <h3>
          What z{index} does{inactive && <span class="quiet">: nothing, it is inactive</span>}{' '}
          <Hint
            about="this row"
            text={`The same latent with only this dimension changed: the mean of all images’ latents, and one, two and three standard deviations (sd) to either side. ${
              kl === null
                ? 'The variance shows how much this dimension differs between images.'
                : 'The KL divergence, in nats, shows how much information about an image this dimension holds. Below 0.01 the model does not use it.'
            } Press an image to select it.`}
          />
        </h3>
        <Button class="button small" aria-pressed={allStrips.value} onClick={() => setter(allStrips)(!allStrips.value)}>
          Show all
        </Button>
      </div>
      <Strip dimension={shown} focusable />
      <div class="tiles offsets" style={COLUMNS} aria-hidden="true">
        {OFFSETS.map((offset) => (
          <span key={offset}>{offset === 0 ? 'mean' : `${offset > 0 ? '+' : '−'}${Math.abs(offset)}`}</span>
        ))}
      </div>
      <p class="say">
        {kl === null ? `variance ${short(variance)}` : `KL ${short(kl)} nats`} · mean {short(mean, 2)} · sd{' '}
        {std.toFixed(2)}
      </p>
    </section>
  );
}

/** Images of a latent with one dimension at seven values; pressing one selects it. */
export function Strip({ dimension, focusable }: { readonly dimension: Dimension; readonly focusable: boolean }) {
  const { strips } = useLatent();
  const opened = model.value;
  if (!opened) return null;
  const { decimals, index, mean, std } = dimension;
  const found = strips.value?.of === opened ? strips.value.images.get(index) : undefined;
  const value = currentLatent.value?.[index] ?? mean;
  return (
    <div class="tiles" style={COLUMNS}>
      {OFFSETS.map((offset, i) => {
        const target = Number((mean + offset * std).toFixed(decimals));
        const name = offset === 0 ? 'the mean' : `${short(offset)} sd`;
        return (
          <Button
            key={offset}
            class="tile"
            // Keyboard users have the slider.
            tabIndex={focusable ? 0 : -1}
            aria-current={std > 0 && Math.abs(value - mean - offset * std) <= std / 2}
            aria-label={`Set z${index} to ${name}, ${short(target)}`}
            onClick={() => {
              if (currentLatent.value) showLatent(withValue(currentLatent.value, index, target), 'sliders');
            }}
          >
            <PixelImage pixels={found?.[i] ?? null} shape={opened.card.image} label={`z${index} at ${name}`} />
          </Button>
        );
      })}
    </div>
  );
}
