import { useState } from 'preact/hooks';
import { model, reading } from '../../state/store.ts';
import { short } from '../../ui/format.ts';
import { Hint } from '../../ui/hint.tsx';
import { bars, dimensionOrder } from './bar-scale.ts';

/** The rest is shown on request. */
const FIRST = 32;

/** The latent of the input image, each dimension as a bar. */
export function CodeBars() {
  const [all, setAll] = useState(false);
  const opened = model.value;
  if (!opened) return null;
  const { card, manifest } = opened;
  const size = card.latent.size;
  const order = dimensionOrder(manifest, size);
  // The previous model's result may still be here for a moment.
  const codes = reading.value?.codes.latent.length === size ? reading.value.codes : null;
  const zero = new Float32Array(card.latent.statistics.mean);
  const rows = bars(codes?.latent ?? zero, codes?.logvar, card, all ? order : order.slice(0, FIRST));
  const { variational } = card.model;
  return (
    <section class="input-part" aria-labelledby="input-code">
      <h3 id="input-code">
        The code: {size} numbers{' '}
        <Hint
          about="the code"
          text={`All that the model keeps of the image. The numbers that tell most come first (by ${manifest.dimensions.kl ? 'their KL divergence' : 'how much they vary'}). The line in the middle is the mean of the test images, the light band one standard deviation of theirs to either side.${variational ? ' The thin line shows how sure the encoder is: one standard deviation of its own.' : ''}`}
        />
      </h3>
      <ol class="input-code-bars" data-latent={codes ? JSON.stringify([...codes.latent]) : undefined}>
        {rows.map(({ dimension, value, deviation, middle, band, at, span }) => (
          <li key={dimension} class="input-code-bar">
            <span class="input-code-name">z{dimension}</span>
            <span class="input-code-track" aria-hidden="true">
              <span class="input-code-band" style={extent(band[0], band[1])} />
              <span class="input-code-middle" />
              {codes && <span class="input-code-fill" style={extent(Math.min(at, middle), Math.max(at, middle))} />}
              {deviation !== null && <span class="input-code-span" style={extent(span[0], span[1])} />}
            </span>
            <span class="input-code-value">
              {codes ? number(value) : '…'}
              {deviation !== null && <span class="unit"> ± {deviation.toFixed(2)}</span>}
            </span>
          </li>
        ))}
      </ol>
      {size > FIRST && (
        <button type="button" class="button input-button" onClick={() => setAll(!all)}>
          {all ? `The first ${FIRST} only` : `All ${size}`}
        </button>
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
