import { type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Engine } from '../../engine/client.ts';
import { latest } from '../../engine/latest.ts';
import { repeated } from './codes.ts';

/** The images of a row's latent with each class, `[columns, H, W, C]`; null until they are decoded. */
export type RowImages = Signal<Float32Array | null>;

interface Ask {
  readonly engine: Engine;
  readonly codes: Float32Array;
  readonly size: number;
  readonly classes: readonly number[];
}

/**
 * Decodes latents `[rows, D]`, each with every class, row by row, so that other requests can run in between.
 * @param onProblem receives failures of the engine
 */
export function useDecodedGrid(
  engine: Engine | null,
  codes: Float32Array | null,
  rows: number,
  classes: readonly number[],
  onProblem: (message: string) => void,
): readonly RowImages[] {
  const images = useMemo(() => Array.from({ length: rows }, (): RowImages => signal(null)), [rows]);
  const state = useMemo(() => ({ over: false, engine }), []);
  state.engine = engine;
  const decode = useMemo(
    () =>
      latest(async ({ engine, codes, size, classes }: Ask) => {
        try {
          for (const [row, shown] of images.entries()) {
            const code = codes.subarray(row * size, (row + 1) * size);
            const made = await engine.decode(classes.length, repeated(code, classes.length), Int32Array.from(classes));
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
    if (engine && codes) decode({ engine, codes, size: codes.length / rows, classes });
  }, [engine, codes, rows, classes, decode]);
  useEffect(
    () => () => {
      state.over = true;
    },
    [],
  );
  return images;
}
