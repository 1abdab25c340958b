import { decoded, imageShape, input, reconstruction } from '../../state/store.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';

/** On a phone: the pictures that every view changes, pinned to the top. */
export function Pinned() {
  const pictures = [
    ['Input', input.value?.pixels ?? null],
    ['Reconstruction', reconstruction.value],
    ['From sliders', decoded.value],
  ] as const;
  return (
    <div class="pinned">
      {pictures.map(([name, pixels]) => (
        <figure key={name}>
          <PixelImage pixels={pixels} shape={imageShape.value} label={name} />
          <figcaption class="quiet ellipsis">{name}</figcaption>
        </figure>
      ))}
    </div>
  );
}
