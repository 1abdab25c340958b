import { type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Engine } from '../../engine/client.ts';
import { latest } from '../../engine/latest.ts';
import { repeated } from './latents.ts';

/** The images of a row's latent with each class, `[columns, H, W, C]`; null until they are decoded. */
export type RowImages = Signal<Float32Array | null>;

interface Ask {
  readonly engine: Engine;
  readonly latents: Float32Array;
  readonly size: number;
  readonly classes: readonly number[];
}

/**
 * Decodes latents `[rows, D]`, each with every class, row by row, so that other requests can run in between.
 * @param onProblem receives failures of the engine
 */
export function useDecodedGrid(
  engine: Engine | null,
  latents: Float32Array | null,
  rows: number,
  classes: readonly number[],
  onProblem: (message: string) => void,
): readonly RowImages[] {
  const images = useMemo(() => Array.from({ length: rows }, (): RowImages => signal(null)), [rows]);
  const state = useMemo(() => ({ over: false, engine }), []);
  state.engine = engine;
  const decode = useMemo(
    () =>
      latest(async ({ engine, latents, size, classes }: Ask) => {
        try {
          for (const [row, shown] of images.entries()) {
            const latent = latents.subarray(row * size, (row + 1) * size);
            const made = await engine.decode(
              classes.length,
              repeated(latent, classes.length),
              Int32Array.from(classes),
            );
            if (state.over || state.engine !== engine) return;
            shown.value = made;
          }
        } catch (error) {
          if (!state.over && state.engine === engine) onProblem(error instanceof Error ? error.message : String(error));
        }
      }),
    [images],
  );
  useEffect(() => {
    if (engine && latents) decode({ engine, latents, size: latents.length / rows, classes });
  }, [engine, latents, rows, classes, decode]);
  useEffect(
    () => () => {
      state.over = true;
    },
    [],
  );
  return images;
}
