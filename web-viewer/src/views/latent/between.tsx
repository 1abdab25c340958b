import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { label, type OpenModel, problem } from '../../state/store.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { png } from '../../ui/png.ts';
import { save } from '../../ui/save.ts';
import {
  type End,
  endA,
  endB,
  FRAMES,
  followFrames,
  frames,
  goTo,
  nextEnd,
  play,
  playing,
  position,
  setEnd,
} from './between-state.ts';
import { animation } from './files.ts';
import { ENLARGED, sideBySide } from './pictures.ts';

const steps = Array.from({ length: FRAMES }, (_, i) => i);

/** An interpolation between two latents: frames, a slider over them, and files. */
export function Between({ model }: { readonly model: OpenModel }) {
  useEffect(followFrames, []);
  const [a, b] = [endA.value, endB.value];
  const { image } = model.card;
  const ready = a !== null && b !== null;
  const made = frames.value?.of === model ? frames.value : null;
  const shown = Math.round(position.value * (FRAMES - 1));
  return (
    <section class="walk" aria-label="Interpolation between two images">
      <h3>Interpolate from A to B</h3>
      <p class="say">
        {ready || a
          ? 'A straight line between two latents. Drag along it to decode the points in between.'
          : 'Show an image on the left: its latent is the start.'}
      </p>
      <div class="ends">
        <EndPicture name="A" end={a} decoded={made?.images[0]} image={image}>
          <button type="button" class="button small" onClick={() => setEnd('a')}>
            Set A
          </button>
        </EndPicture>
        <div class="line">
          <span class="track">
            <input
              type="range"
              min={0}
              max={1}
              step={0.01}
              value={position.value}
              disabled={!ready}
              aria-label="Position from A to B"
              aria-valuetext={`${Math.round(100 * position.value)} %`}
              onInput={({ currentTarget }) => {
                playing.value = false;
                goTo(Number(currentTarget.value));
              }}
            />
          </span>
          <button
            type="button"
            class="button small"
            disabled={!ready}
            onClick={() => {
              if (playing.value) playing.value = false;
              else play();
            }}
          >
            {playing.value ? 'Pause' : 'Play'}
          </button>
        </div>
        <EndPicture name="B" end={b} decoded={made?.images.at(-1)} image={image}>
          <button type="button" class="button small" onClick={() => setEnd('b')}>
            Set B
          </button>
        </EndPicture>
      </div>
      {!b && <p class="say">This model has no images: choose any latent, then press “Set B”.</p>}
      <div class="frames">
        {steps.map((i) => (
          <button
            key={i}
            type="button"
            class="cell"
            disabled={!made}
            data-near={ready && i === shown}
            aria-label={`Frame ${i + 1} of ${FRAMES}`}
            onClick={() => {
              playing.value = false;
              goTo(i / (FRAMES - 1));
            }}
          >
            <PixelImage pixels={made?.images[i] ?? null} shape={image} label={`Frame ${i + 1}`} />
          </button>
        ))}
      </div>
      <Files model={model} />
    </section>
  );
}

interface EndProps {
  readonly name: string;
  readonly end: End | null;
  /** Placeholder for a latent without an image. */
  readonly decoded: Float32Array | undefined;
  readonly image: OpenModel['card']['image'];
  readonly children: ComponentChildren;
}

function EndPicture({ name, end, decoded, image, children }: EndProps) {
  return (
    <figure class="end" data-end={name} data-row={end?.row ?? ''}>
      <PixelImage
        pixels={end && (end.pixels ?? decoded ?? null)}
        shape={image}
        label={`${name}: ${end?.name ?? 'none yet'}`}
      />
      <figcaption>{children}</figcaption>
    </figure>
  );
}

function Files({ model }: { readonly model: OpenModel }) {
  const [busy, setBusy] = useState(false);
  const made = frames.value?.of === model ? frames.value : null;
  const name =
    made &&
    `${model.name}-walk-${made.a.file}-${made.b.file}${model.card.conditional.decoder ? `-class-${label.value}` : ''}`;
  const saveFile = async (make: (images: readonly Float32Array[]) => Promise<Blob>, kind: string) => {
    if (!made) return;
    setBusy(true);
    try {
      save(await make(made.images), `${name}.${kind}`);
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
    } finally {
      setBusy(false);
    }
  };
  const { image } = model.card;
  return (
    <div class="row">
      <button
        type="button"
        class="button small"
        disabled={!endB.value}
        onClick={nextEnd}
        hidden={!model.set || !model.points}
      >
        Another B
      </button>
      <button
        type="button"
        class="button small"
        disabled={!made || busy}
        onClick={() => void saveFile((images) => animation(images, image), 'gif')}
      >
        Save GIF
      </button>
      <button
        type="button"
        class="button small"
        disabled={!made || busy}
        onClick={() => void saveFile((images) => png(sideBySide(images, image, ENLARGED, 1)), 'png')}
      >
        Save strip
      </button>
    </div>
  );
}
