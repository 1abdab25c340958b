import { showLatent } from '../../state/explore.ts';
import { currentLatent, engine, input, inputLabel, label, type OpenModel, reading } from '../../state/store.ts';
import { colourOfClass } from '../../ui/class-colours.ts';
import { Button } from '../../ui/controls.tsx';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { useDecodedGrid } from './use-decoded-grid.ts';

interface Props {
  readonly opened: OpenModel;
  /** Indices of the shown classes. */
  readonly columns: readonly number[];
}

/** The image on the left decoded with each class, in the style that its latent holds. */
export function InputInEveryClass({ opened: { card }, columns }: Props) {
  const latent = reading.value?.latents.latent ?? null;
  const [images = null] = useDecodedGrid(engine.value, latent, 1, columns);
  if (!input.value) return <p class="say">Draw an image, drop one or choose an example to see it here.</p>;
  const nameOf = (index: number) => card.classes?.[index] ?? String(index);
  const own = card.conditional.encoder ? inputLabel.value : input.value.label;
  const isShown = latent !== null && currentLatent.value?.every((value, d) => value === latent[d]);
  const take = (index: number) => {
    if (!latent) return;
    label.value = index;
    showLatent(latent.slice(), 'studio');
  };
  return (
    <>
      <div class="restyled" style={{ '--image': `${card.image.width}px` }}>
        <figure class="restyled-input">
          <PixelImage pixels={input.value.pixels} shape={card.image} label="Your image" />
          <figcaption>your image</figcaption>
        </figure>
        <span class="quiet" aria-hidden="true">
          →
        </span>
        <div class="restyled-classes" data-own>
          {columns.map((index, i) => (
            <Button
              key={index}
              class="tile"
              data-class={index}
              style={{ '--class': colourOfClass(index) }}
              aria-label={`Your image as class ${nameOf(index)}${index === own ? ' (own)' : ''}: send it to the sliders`}
              aria-pressed={label.value === index && isShown}
              onClick={() => take(index)}
            >
              <PixelImage
                pixels={images?.length === columns.length ? (images[i] ?? null) : null}
                shape={card.image}
                label={`class ${nameOf(index)}`}
              />
              <span class="of-class">
                {nameOf(index)}
                {index === own && <span class="quiet"> (own)</span>}
              </span>
            </Button>
          ))}
        </div>
      </div>
      <p class="say">
        {card.conditional.encoder
          ? `The encoder takes the class, too: here ${nameOf(inputLabel.value)}, which you can change below the reconstruction.`
          : 'This model’s encoder takes no class, so your image needs none.'}
      </p>
    </>
  );
}
