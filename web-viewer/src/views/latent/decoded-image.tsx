import {
  classes,
  conditional,
  currentLatent,
  decoded,
  imageShape,
  input,
  label,
  latentOrigin,
  model,
  walking,
} from '../../state/store.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { savePng } from '../../ui/png.ts';
import { sheet } from '../../ui/sheet.ts';
import { ENLARGED } from './animation.ts';
import { caption } from './caption.ts';
import { useLatent } from './create-latent.ts';

/** The decoded image, large, and where its latent comes from. */
export function DecodedImage() {
  const { between, drawn } = useLatent();
  const name = conditional.value ? classes.value?.[label.value] : undefined;
  const words = currentLatent.value
    ? caption({
        origin: latentOrigin.value,
        input: input.value,
        classes: classes.value,
        oneClass: model.value?.set?.labels ? (name ?? null) : null,
        drawn: drawn.value,
        place: between.position.value,
        walk: !model.value?.points ? 'none' : walking.value ? 'on' : 'ended',
      })
    : '';
  return (
    <figure class="decoded-image">
      <PixelImage
        pixels={decoded.value}
        shape={imageShape.value}
        label={`Decoded from the sliders${name === undefined ? '' : ` of class ${name}`}${words && `. ${words}`}`}
      />
      <figcaption class="say ellipsis" title={words} data-origin={latentOrigin.value}>
        {words}
      </figcaption>
    </figure>
  );
}

/** Saves the decoded image, enlarged. */
export function saveDecoded(): void {
  if (!decoded.value) return;
  const picture = sheet([decoded.value], 1, imageShape.value, { scale: ENLARGED });
  void savePng(picture, `${model.value?.name ?? 'convae'}-decoded.png`);
}
