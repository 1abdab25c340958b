import { PixelImage } from '../../ui/pixel-image.tsx';
import type { Shape } from '../../ui/pixels.ts';
import type { EpochPicture } from './pictures.ts';

interface Props {
  readonly picture: EpochPicture | string | null;
  readonly shape: Shape;
}

/** Number of pairs to reserve room for while the first picture loads, so that the layout does not shift. */
const EXPECTED = Array.from({ length: 8 }, () => ({ original: null, reconstruction: null }));

/** Test images above, their reconstructions after an epoch below. */
export function Picture({ picture, shape }: Props) {
  if (typeof picture === 'string') return <p class="say">The picture of this epoch cannot be shown: {picture}.</p>;
  if (picture && !picture.pairs) {
    return (
      <img
        class="epoch-sheet"
        src={picture.url}
        alt={`Test images and their reconstructions after epoch ${picture.epoch}`}
      />
    );
  }
  return (
    <div class="pairs" data-epoch={picture?.epoch} data-file={picture?.file} style={{ '--image': `${shape.width}px` }}>
      {(picture?.pairs ?? EXPECTED).map(({ original, reconstruction }, i) => (
        <div key={i} class="pair">
          <PixelImage pixels={original} shape={shape} label={`Test image ${i + 1}`} />
          <PixelImage
            pixels={reconstruction}
            shape={shape}
            label={`Test image ${i + 1}, reconstructed after epoch ${picture?.epoch ?? '…'}`}
          />
        </div>
      ))}
    </div>
  );
}
