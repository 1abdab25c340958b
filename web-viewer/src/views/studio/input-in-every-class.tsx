import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Engine } from '../../engine/client.ts';
import { latest } from '../../engine/latest.ts';
import { showLatent } from '../../state/explore.ts';
import { currentLatent, engine, type InputImage, input, label, type OpenModel, problem } from '../../state/store.ts';
import { ClassChoice } from '../../ui/class-choice.tsx';
import { colourOfClass } from '../../ui/class-colours.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { type Restyled, restyle } from './own-image.ts';

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
  const made = useRestyled(opened, chosenClass, columns);
  const names = card.classes ?? [];
  const size = card.image.height * card.image.width * card.image.channels;
  const take = (index: number) => {
    if (!made) return;
    label.value = index;
    showLatent(made.latent.slice(), 'sliders');
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
            <button
              key={index}
              type="button"
              class="restyled-class"
              data-class={index}
              style={{ '--class': colourOfClass(index) }}
              aria-label={`Your image as class ${names[index]}${index === own ? ' own' : ''}: send it to the sliders`}
              aria-pressed={label.value === index && sameLatent(currentLatent.value, made?.latent)}
              onClick={() => take(index)}
            >
              <PixelImage
                pixels={made && made.classes === columns ? made.images.slice(i * size, (i + 1) * size) : null}
                shape={card.image}
                label={`class ${names[index]}`}
              />
              <span>
                {names[index]}
                {index === own && <em> own</em>}
              </span>
            </button>
          ))}
        </div>
      </div>
      {card.conditional.encoder ? (
        <div class="encoded-as">
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

/** The reconstructions of the input image, kept up to date; null until the first. */
function useRestyled(opened: OpenModel, chosen: number | null, columns: readonly number[]): Restyled | null {
  const [made, setMade] = useState<Restyled | null>(null);
  const state = useMemo(() => ({ over: false }), []);
  const work = useMemo(
    () =>
      latest(async ([by, image, chosenClass, classes]: [Engine, InputImage, number | null, readonly number[]]) => {
        try {
          const next = await restyle(by, opened.card, image, chosenClass, classes);
          if (!state.over && engine.value === by) setMade(next);
        } catch (error) {
          if (!state.over && engine.value === by)
            problem.value = error instanceof Error ? error.message : String(error);
        }
      }),
    [opened, state],
  );
  const [by, image] = [engine.value, input.value];
  useEffect(() => {
    if (by && image) work([by, image, chosen, columns]);
  }, [by, image, chosen, columns, work]);
  useEffect(
    () => () => {
      state.over = true;
    },
    [state],
  );
  return made;
}
