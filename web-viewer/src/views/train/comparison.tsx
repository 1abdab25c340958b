import { computed, effect, type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { latest } from '../../engine/latest.ts';
import type { WeightFiles } from '../../engine/protocol.ts';
import { messageOf } from '../../site/problem.ts';
import { engine, type OpenModel } from '../../state/store.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { reconstruct } from '../reconstruct.ts';
import type { TrainImage } from './batches.ts';
import type { Training } from './training.ts';

/** Images with their reconstructions with the exported and with the current weights. */
export function Comparison({ training }: { readonly training: Training }) {
  const { exported, images } = training;
  const { before, now, follow } = useMemo(() => createReconstructions(training), [training]);
  useEffect(follow, [follow]);
  const { card } = exported.value ?? {};
  const shown = images.shown.value;
  if (!card || shown.length === 0) return null;
  const made = (of: typeof before) => (i: number) => of.value?.made[i] ?? null;
  const rows = [
    { key: 'image', name: 'Image', pixels: (i: number) => shown[i]?.pixels ?? null },
    { key: 'exported', name: 'As exported', pixels: made(before) },
    { key: 'now', name: 'Now', pixels: made(now.value ? now : before) },
  ];
  return (
    <section class="stack train-comparison" aria-labelledby="train-comparison">
      <h3 id="train-comparison">Reconstructions</h3>
      {rows.map(({ key, name, pixels }) => (
        <div key={key} class="train-row" data-row={key}>
          <span class="say">{name}</span>
          {shown.map((_, i) => (
            // The images have no other key than their index.
            <PixelImage
              key={`${key}-${String(i)}`}
              pixels={pixels(i)}
              shape={card.image}
              label={`${name}, ${i + 1} of ${shown.length}`}
            />
          ))}
        </div>
      ))}
    </section>
  );
}

/** Images and their reconstructions, each `[H, W, C]`. */
interface Reconstructed {
  readonly images: readonly TrainImage[];
  readonly made: readonly Float32Array[];
}

interface Task {
  readonly target: Signal<Reconstructed | null>;
  readonly opened: OpenModel;
  readonly files: WeightFiles;
  readonly images: readonly TrainImage[];
}

/** Reconstructions of the training images with the exported weights, `before`, and with the trained ones, `now`. */
function createReconstructions({ exported, images: trainImages, message, trained, weights }: Training) {
  const before = signal<Reconstructed | null>(null);
  const now = signal<Reconstructed | null>(null);
  const hasEngine = computed(() => engine.value !== null);

  const work = async ({ target, opened, files, images }: Task): Promise<void> => {
    try {
      const labels = Int32Array.from(images, ({ label }) => label ?? 0);
      const pixels = images.map((image) => image.pixels);
      const made = await weights.withWeightsOf(opened, files, (engine) => reconstruct(engine, pixels, labels));
      const isReset = target === now && trained.value === null;
      if (made && exported.value === opened && !isReset) target.value = { images, made };
    } catch (error) {
      if (engine.value?.host.ended !== null || exported.value !== opened) return;
      // What ended the training is the cause, and stays.
      message.value ||= `The reconstructions cannot be computed: ${messageOf(error)}.`;
    }
  };

  /** Keeps the reconstructions up to date. @returns a function that stops it */
  const follow = (): (() => void) => {
    const makeBefore = latest(work);
    const makeNow = latest(work);
    const keep = (target: typeof before, make: (task: Task) => void, files: () => WeightFiles | null) =>
      effect(() => {
        const [opened, shown, weights] = [exported.value, trainImages.shown.value, files()];
        if (!weights) target.value = null;
        else if (hasEngine.value && opened && shown.length > 0) {
          make({ target, opened, files: weights, images: shown });
        }
      });
    const ends = [
      keep(before, makeBefore, () => exported.value?.files ?? null),
      keep(now, makeNow, () => trained.value),
    ];
    return () => {
      for (const end of ends) end();
    };
  };
  return { before, now, follow };
}
