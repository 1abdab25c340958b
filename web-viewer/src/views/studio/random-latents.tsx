import { useMemo } from 'preact/hooks';
import type { Card } from '../../site/schema.ts';
import { randomLatents } from '../../state/sampling.ts';
import { seed, temperature } from '../../state/store.ts';
import { Button, Range, setter } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { atTemperature, centreOf } from './latents.ts';

/** Random latents of a model `[count, D]`, by the seed and the temperature of the page. */
export function useRandomLatents(card: Card, count: number): Float32Array {
  const drawn = useMemo(() => randomLatents(card, count, seed.value), [card, count, seed.value]);
  return useMemo(() => atTemperature(drawn, centreOf(card), temperature.value), [drawn, card, temperature.value]);
}

/** Draws other random latents, and scales them. */
export function RandomTools() {
  return (
    <>
      <Button class="button primary" onClick={() => (seed.value += 1)}>
        New latents
      </Button>
      <span class="row">
        <label class="row temperature">
          <span>Temperature</span>
          <Range min={0} max={1.5} step={0.05} value={temperature.value} onChoose={setter(temperature)} />
          <output>
            {temperature.value.toFixed(2)} <span class="unit">×</span>
          </output>
        </label>
        <Hint
          about="the temperature"
          text="A factor on the random latents. 0: all are the average latent. 1: they vary as those of the training images. Above 1: rarer latents, up to ones that the decoder has never seen."
        />
      </span>
    </>
  );
}
