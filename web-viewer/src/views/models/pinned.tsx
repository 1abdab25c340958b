import { decoded, input, model, reconstruction } from '../../state/store.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';

/** On a phone: the pictures that every view changes, pinned to the top. */
export function Pinned() {
  const shape = model.value?.card.image ?? { height: 28, width: 28, channels: 1 };
  const pictures = [
    ['Input', input.value?.pixels ?? null],
    ['Reconstruction', reconstruction.value],
    ['From sliders', decoded.value],
  ] as const;
  return (
    <div class="pinned">
      {pictures.map(([name, pixels]) => (
        <figure key={name}>
          <PixelImage pixels={pixels} shape={shape} label={name} />
          <figcaption>{name}</figcaption>
        </figure>
      ))}
    </div>
  );
}
