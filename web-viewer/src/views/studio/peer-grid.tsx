import type { Signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { Button } from '../../ui/controls.tsx';
import { bytes } from '../../ui/format.ts';
import type { Shape } from '../../ui/pixels.ts';
import { CardFigures } from './card-figures.tsx';
import { type CellPosition, Grid } from './grid.tsx';
import { GRID } from './latents.ts';
import { type RowImages, useDecodedGrid } from './use-engine.ts';
import { usePeer } from './use-peer.ts';

interface Props {
  /** One of the site's models. */
  readonly name: string;
  /** The latents of the rows `[rows, D]`. */
  readonly latents: Float32Array;
  readonly columns: readonly number[];
  readonly heads: readonly { readonly name: string; readonly index: number }[];
  readonly shape: Shape;
  readonly marked: Signal<CellPosition | null>;
  readonly focused: Signal<CellPosition>;
  readonly onDownload: (name: string, rows: readonly RowImages[]) => void;
}

/** The same latents and classes decoded by another model, in its own worker. */
export function PeerGrid({ name, latents, columns, heads, shape, marked, focused, onDownload }: Props) {
  const peer = usePeer(name);
  const [problem, setProblem] = useState<string | null>(null);
  const ready = peer?.state === 'ready' ? peer : null;
  const rows = useDecodedGrid(ready?.engine ?? null, latents, GRID, columns, setProblem);
  const wrong = peer?.state === 'failed' ? peer.why : problem;
  return (
    <section aria-label={name}>
      <h4>{name}</h4>
      <Grid name={name} rows={rows} columns={heads} {...{ shape, marked, focused }} />
      <div class="peer-state">
        {ready && !wrong && <Button onClick={() => onDownload(name, rows)}>Download PNG</Button>}
        <p role="status" class="say">
          {wrong && `${name} cannot be compared: ${wrong}.`}
          {!wrong && !ready && 'Loading the model '}
          {!wrong && peer?.state === 'loading' && (
            <>
              <progress max={peer.total} value={peer.done} aria-hidden="true" /> {bytes(peer.done)} of{' '}
              {bytes(peer.total)}
            </>
          )}
        </p>
      </div>
      {ready && <CardFigures card={ready.card} />}
    </section>
  );
}
