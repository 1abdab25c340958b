import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { label, type OpenModel, report } from '../../state/store.ts';
import { Button, Range } from '../../ui/controls.tsx';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { savePng } from '../../ui/png.ts';
import { save } from '../../ui/save.ts';
import { sheet } from '../../ui/sheet.ts';
import { animation, ENLARGED } from './animation.ts';
import { type End, FRAMES, type Frames } from './create-between.ts';
import { useLatent } from './create-latent.ts';

const steps = Array.from({ length: FRAMES }, (_, i) => i);

/** An interpolation between two latents: frames, a slider over them, and files. */
export function Between({ model }: { readonly model: OpenModel }) {
  const { a, b, frames, goTo, play, playing, position, setEnd } = useLatent().between;
  const { image } = model.card;
  const ready = a.value !== null && b.value !== null;
  const made = frames.value?.of === model ? frames.value : null;
  const shown = Math.round(position.value * (FRAMES - 1));
  const pause = () => {
    playing.value = false;
  };
  const show = (share: number) => {
    pause();
    goTo(share);
  };
  return (
    <section class="stack" aria-label="Interpolation between two images">
      <h3>Interpolate from A to B</h3>
      <p class="say">
        {a.value
          ? 'A straight line between two latents. Drag along it to decode the points in between.'
          : 'Show an image on the left: its latent is the start.'}
      </p>
      <div class="ends">
        <EndPicture name="A" end={a.value} decoded={made?.images[0]} image={image}>
          <Button class="button small" onClick={() => setEnd('a')}>
            Set A
          </Button>
        </EndPicture>
        <div class="line">
          <Range
            min={0}
            max={1}
            step={0.01}
            value={position.value}
            disabled={!ready}
            aria-label="Position from A to B"
            aria-valuetext={`${Math.round(100 * position.value)} %`}
            onChoose={show}
          />
          <Button class="button small" disabled={!ready} onClick={() => (playing.value ? pause() : play())}>
            {playing.value ? 'Pause' : 'Play'}
          </Button>
        </div>
        <EndPicture name="B" end={b.value} decoded={made?.images.at(-1)} image={image}>
          <Button class="button small" onClick={() => setEnd('b')}>
            Set B
          </Button>
        </EndPicture>
      </div>
      {!b.value && !model.loading && (
        <p class="say">This model has no images: choose any latent, then press “Set B”.</p>
      )}
      <div class="frames tiles" style={{ '--columns': FRAMES / 2 }}>
        {steps.map((i) => (
          <Button
            key={i}
            class="tile"
            disabled={!made}
            aria-current={ready && i === shown}
            aria-label={`Frame ${i + 1} of ${FRAMES}`}
            onClick={() => show(i / (FRAMES - 1))}
          >
            <PixelImage pixels={made?.images[i] ?? null} shape={image} label={`Frame ${i + 1}`} />
          </Button>
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
  const { b, frames, nextEnd } = useLatent().between;
  const [busy, setBusy] = useState(false);
  const made = frames.value?.of === model ? frames.value : null;
  const { image, conditional } = model.card;
  const ofClass = conditional.decoder ? `-class-${label.value}` : '';
  const name = made ? `${model.name}-walk-${made.a.file}-${made.b.file}${ofClass}` : '';
  const saveGif = async ({ images }: Frames) => {
    setBusy(true);
    await animation(images, image)
      .then((file) => save(file, `${name}.gif`))
      .catch(report);
    setBusy(false);
  };
  const saveStrip = ({ images }: Frames) =>
    savePng(sheet(images, images.length, image, { scale: ENLARGED, gap: ENLARGED }), `${name}.png`);
  return (
    <div class="row">
      <Button class="button small" disabled={!b.value} onClick={nextEnd} hidden={!model.set || !model.points}>
        Another B
      </Button>
      <Button class="button small" disabled={!made || busy} onClick={() => made && void saveGif(made)}>
        Save GIF
      </Button>
      <Button class="button small" disabled={!made} onClick={() => made && void saveStrip(made)}>
        Save strip
      </Button>
    </div>
  );
}
