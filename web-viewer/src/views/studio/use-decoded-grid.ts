import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Engine } from '../../engine/client.ts';
import { latest } from '../../engine/latest.ts';
import { messageOf } from '../../site/problem.ts';
import { problem } from '../../state/store.ts';
import { split } from '../../ui/pixels.ts';
import { repeated } from './latents.ts';

/** The images `[H, W, C]` of a latent with each class; null until they are decoded. */
export type RowImages = readonly Float32Array[] | null;

interface Wanted {
  readonly engine: Engine;
  readonly latents: Float32Array;
  readonly rows: number;
  readonly classes: readonly number[];
}

/**
 * Decodes the newest latents `[rows, D]`, each with every class, row by row, so that other requests can run in between. Until
 * then there are the images of earlier ones.
 */
export function useDecodedGrid(
  engine: Engine | null,
  latents: Float32Array | null,
  rows: number,
  classes: readonly number[],
): readonly RowImages[] {
  const [output, setOutput] = useState<readonly RowImages[]>(() => Array.from({ length: rows }, () => null));
  const current = useRef<Engine | null>(null);
  current.current = engine;
  const decode = useMemo(
    () =>
      latest(async ({ engine, latents, rows, classes }: Wanted) => {
        const isWanted = () => current.current === engine;
        try {
          for (const [row, latent] of split(latents, rows).entries()) {
            const { length } = classes;
            const made = split(await engine.decode(length, repeated(latent, length), Int32Array.from(classes)), length);
            if (isWanted()) setOutput((before) => before.map((images, i) => (i === row ? made : images)));
          }
        } catch (error) {
          if (isWanted()) problem.value = messageOf(error);
        }
      }),
    [],
  );
  useEffect(() => {
    if (engine && latents) decode({ engine, latents, rows, classes });
  }, [engine, latents, rows, classes, decode]);
  useEffect(
    () => () => {
      current.current = null;
    },
    [],
  );
  return output;
}
