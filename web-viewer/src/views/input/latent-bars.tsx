import { useState } from 'preact/hooks';
import { dimensionOrder } from '../../site/dimensions.ts';
import { model, reading } from '../../state/store.ts';
import { Button } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { short } from '../../ui/format.ts';
import { bars } from './bar-scale.ts';

/** Number of dimensions shown at first. */
const FIRST = 32;

/** The latent of the input image, each dimension as a bar. */
export function LatentBars() {
  const [all, setAll] = useState(false);
  const opened = model.value;
  if (!opened) return null;
  const { card, manifest } = opened;
  const size = card.latent.size;
  const order = dimensionOrder(manifest.dimensions, size);
  // Until the image is encoded, this may be the previous model's result.
  const latents = reading.value?.latents.latent.length === size ? reading.value.latents : null;
  const zero = new Float32Array(card.latent.statistics.mean);
  const rows = bars(latents?.latent ?? zero, latents?.logvar, card, all ? order : order.slice(0, FIRST));
  const { variational } = card.model;
  return (
    <section class="stack input-part" aria-labelledby="input-latent">
      <h3 id="input-latent">
        The latent: {size} dimensions{' '}
        <Hint
          about="the latent"
          text={`Everything that the model keeps of the image. The most informative dimensions come first (by ${manifest.dimensions.kl ? 'KL divergence' : 'variance'}). The line in the middle is the mean over images, the light band is one standard deviation to either side.${variational ? ' The thin line is the encoder’s own standard deviation: its uncertainty.' : ''}`}
        />
      </h3>
      <ol class="input-latent-bars" data-latent={latents ? JSON.stringify([...latents.latent]) : undefined}>
        {rows.map(({ dimension, value, deviation, band, at, span }) => (
          <li key={dimension} class="input-latent-bar">
            <span class="input-latent-name">z{dimension}</span>
            <span class="input-latent-track" aria-hidden="true">
              <span class="input-latent-band" style={extent(band[0], band[1])} />
              <span class="input-latent-middle" />
              {latents && <span class="input-latent-fill" style={extent(Math.min(at, 0.5), Math.max(at, 0.5))} />}
              {deviation !== null && <span class="input-latent-span" style={extent(span[0], span[1])} />}
            </span>
            <span class="input-latent-value">
              {latents ? number(value) : '…'}
              {deviation !== null && <span class="unit"> ± {deviation.toFixed(2)}</span>}
            </span>
          </li>
        ))}
      </ol>
      {size > FIRST && (
        <Button class="button input-button" onClick={() => setAll(!all)}>
          {all ? `Show the first ${FIRST}` : `Show all ${size}`}
        </Button>
      )}
    </section>
  );
}

/** The same number of digits in each row. */
const number = (value: number) => {
  if (Math.abs(value) >= 1000) return short(value);
  const text = value.toFixed(2);
  return text === '-0.00' ? '0.00' : text.replace('-', '−');
};

const extent = (from: number, to: number) => ({ left: `${100 * from}%`, width: `${100 * (to - from)}%` });
