import {
  classes,
  conditional,
  currentLatent,
  decoded,
  input,
  label,
  latentOrigin,
  model,
  problem,
  seed,
  walking,
} from '../../state/store.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { png } from '../../ui/png.ts';
import { save } from '../../ui/save.ts';
import { position } from './between-state.ts';
import { caption } from './caption.ts';
import { distribution } from './latent-state.ts';
import { ENLARGED, enlarge } from './pictures.ts';

/** The distribution that random latents are drawn from, in words. */
const distributionNames = {
  prior: 'the prior',
  mixture: 'the mixture',
  statistics: 'the mean and spread',
} as const;

const EMPTY = { height: 28, width: 28, channels: 1 };

/** The decoded image, large, and where its latent comes from. */
export function DecodedImage() {
  const shape = model.value?.card.image ?? EMPTY;
  const name = conditional.value ? classes.value?.[label.value] : undefined;
  const words = currentLatent.value
    ? caption({
        origin: latentOrigin.value,
        input: input.value,
        classes: classes.value,
        oneClass: model.value?.set?.labels ? (name ?? null) : null,
        seed: seed.value,
        drawnFrom: distributionNames[distribution.value],
        place: position.value,
        walk: !model.value?.points ? 'none' : walking.value ? 'on' : 'ended',
      })
    : '';
  return (
    <figure class="decoded-image">
      <PixelImage
        pixels={decoded.value}
        shape={shape}
        label={`Decoded from the sliders${name === undefined ? '' : ` of class ${name}`}${words && `. ${words}`}`}
      />
      <figcaption class="say" title={words} data-origin={latentOrigin.value}>
        {words}
      </figcaption>
    </figure>
  );
}

/** Saves the decoded image, enlarged. */
export async function saveDecoded(): Promise<void> {
  const opened = model.value;
  if (!opened || !decoded.value) return;
  try {
    save(await png(enlarge(decoded.value, opened.card.image, ENLARGED)), `${opened.name}-decoded.png`);
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error);
  }
}
