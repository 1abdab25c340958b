import type { Engine } from '../../engine/client.ts';
import { type OpenModel, problem } from '../../state/store.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { useDecodedGrid } from './decode-grid.ts';
import { latentOf } from './latents.ts';

interface Props {
  readonly opened: OpenModel;
  readonly engine: Engine | null;
  /** `[N, D]` */
  readonly latents: Float32Array;
  /** A name for each latent, shown below it. */
  readonly names: readonly string[];
  readonly onSelect: (latent: Float32Array) => void;
}

/** The decoder of a conditional model gets the first class. */
const ANY_CLASS = [0];

/** Decoded latents; pressing one selects it. */
export function Pictures({ opened, engine, latents, names, onSelect }: Props) {
  const { image, latent } = opened.card;
  const images = useDecodedGrid(engine, latents, names.length, ANY_CLASS, (message) => {
    problem.value = message;
  });
  return (
    <ul class="pictures" style={{ '--image': `${image.width}px` }}>
      {names.map((name, i) => (
        <li key={name}>
          <button
            type="button"
            class="cell"
            aria-label={`Send to the sliders: ${name}`}
            onClick={() => onSelect(latentOf(latents, i, latent.size))}
          >
            <PixelImage pixels={images[i]?.value ?? null} shape={image} label={name} />
          </button>
          <span class="say">{name}</span>
        </li>
      ))}
    </ul>
  );
}
