import { useEffect, useMemo } from 'preact/hooks';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { createReconstructions } from './reconstructions.ts';
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
