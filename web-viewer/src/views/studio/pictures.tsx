import { showLatent } from '../../state/explore.ts';
import { engine, type OpenModel } from '../../state/store.ts';
import { Button } from '../../ui/controls.tsx';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { split } from '../../ui/pixels.ts';
import { useDecodedGrid } from './use-decoded-grid.ts';

interface Props {
  readonly opened: OpenModel;
  /** `[N, D]` */
  readonly latents: Float32Array;
  /** A name for each latent, shown below it. */
  readonly names: readonly string[];
  /** Whether all are in a row. */
  readonly inRow?: boolean;
}

/** The decoder of a conditional model gets the first class. */
const ANY_CLASS = [0];

/** Decoded latents; pressing one sends it to the sliders. */
export function Pictures({ opened, latents, names, inRow = false }: Props) {
  const { image } = opened.card;
  const images = useDecodedGrid(engine.value, latents, names.length, ANY_CLASS);
  return (
    <ul class="pictures tiles" style={{ '--image': `${image.width}px`, ...(inRow && { '--columns': names.length }) }}>
      {names.map((name, i) => (
        <li key={name}>
          <Button
            class="tile"
            aria-label={`Send to the sliders: ${name}`}
            onClick={() => showLatent((split(latents, names.length)[i] as Float32Array).slice(), 'studio')}
          >
            <PixelImage pixels={images[i]?.[0] ?? null} shape={image} label={name} />
          </Button>
          <span class="say">{name}</span>
        </li>
      ))}
    </ul>
  );
}
