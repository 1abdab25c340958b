import { useMemo, useState } from 'preact/hooks';
import { showLatent } from '../../state/explore.ts';
import { currentLatent, engine, type InputImage, input, label, type OpenModel } from '../../state/store.ts';
import { ClassChoice } from '../../ui/class-choice.tsx';
import { colourOfClass } from '../../ui/class-colours.ts';
import { Button } from '../../ui/controls.tsx';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { split } from '../../ui/pixels.ts';
import { type Restyled, restyle, type Wanted } from './own-image.ts';
import { useEngine } from './use-engine.ts';

interface Props {
  readonly opened: OpenModel;
  /** Indices of the shown classes. */
  readonly columns: readonly number[];
}

/** The image on the left decoded with each class, in the style that its latent holds. */
export function InputInEveryClass({ opened, columns }: Props) {
  const { card } = opened;
  const [chosen, setChosen] = useState<{ readonly image: InputImage; readonly index: number } | null>(null);
  const chosenClass = chosen?.image === input.value ? (chosen?.index ?? null) : null;
  const wanted = useMemo(
    () => input.value && { card, image: input.value, chosen: chosenClass, classes: columns },
    [card, input.value, chosenClass, columns],
  );
  const made = useEngine<Wanted, Restyled>(engine.value, wanted, async (by, wanted, show) =>
    show(await restyle(by, wanted)),
  );
  const images = made && made.classes === columns ? split(made.images, columns.length) : [];
  const names = card.classes ?? [];
  const take = (index: number) => {
    if (!made) return;
    label.value = index;
    showLatent(made.latent.slice(), 'studio');
  };
  if (!input.value) return <p class="say">Draw an image, drop one or choose an example to see it here.</p>;
  const own = made?.encodedAs ?? input.value.label;
  return (
    <>
      <div class="restyled" style={{ '--image': `${card.image.width}px` }}>
        <figure class="restyled-input">
          <PixelImage pixels={input.value.pixels} shape={card.image} label="Your image" />
          <figcaption>your image</figcaption>
        </figure>
        <span class="restyled-arrow" aria-hidden="true">
          →
        </span>
        <div class="restyled-classes" data-own>
          {columns.map((index, i) => (
            <Button
              key={index}
              class="restyled-class"
              data-class={index}
              style={{ '--class': colourOfClass(index) }}
              aria-label={`Your image as class ${names[index]}${index === own ? ' own' : ''}: send it to the sliders`}
              aria-pressed={label.value === index && sameLatent(currentLatent.value, made?.latent)}
              onClick={() => take(index)}
            >
              <PixelImage pixels={images[i] ?? null} shape={card.image} label={`class ${names[index]}`} />
              <span>
                {names[index]}
                {index === own && <em> own</em>}
              </span>
            </Button>
          ))}
        </div>
      </div>
      {card.conditional.encoder ? (
        <div class="stack encoded-as">
          <p class="say" aria-live="polite">
            {made && about(made, names)}
          </p>
          {made && made.from !== 'set' && (
            <ClassChoice
              classes={names}
              chosen={chosenClass ?? made.encodedAs ?? -1}
              name="Class for the encoder"
              onChoose={(index) => input.value && setChosen({ image: input.value, index })}
            />
          )}
        </div>
      ) : (
        <p class="say">This model’s encoder takes no class, so your image needs none.</p>
      )}
    </>
  );
}

const sameLatent = (a: Float32Array | null, b: Float32Array | undefined) =>
  a !== null && b !== undefined && a.length === b.length && a.every((value, i) => value === b[i]);

function about({ encodedAs, from }: Restyled, names: readonly string[]): string {
  const name = names[encodedAs ?? 0] ?? '';
  if (from === 'set') return `The encoder also takes the class: ${name}, the label of this image.`;
  if (from === 'visitor') return `The encoder also takes the class: ${name}, your choice.`;
  return `The encoder also takes the class: ${name}, which reconstructs your image best.`;
}
