import { type StateUpdater, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Engine } from '../../engine/client.ts';
import { latest } from '../../engine/latest.ts';
import { messageOf } from '../../site/problem.ts';
import { problem } from '../../state/store.ts';
import { setter } from '../../ui/controls.tsx';
import { split } from '../../ui/pixels.ts';
import { repeated } from './latents.ts';

/**
 * What an engine makes of the newest inputs; of earlier ones until then, and null at first.
 * @param work shows what it makes, once or bit by bit
 * @param onProblem receives failures of the engine
 */
export function useEngine<Input, Output>(
  engine: Engine | null,
  input: Input | null,
  work: (engine: Engine, input: Input, show: (next: StateUpdater<Output | null>) => void) => Promise<void>,
  onProblem: (message: string) => void = setter(problem),
): Output | null {
  const [output, setOutput] = useState<Output | null>(null);
  const current = useRef<Engine | null>(null);
  current.current = engine;
  const run = useMemo(
    () =>
      latest(async (by: { readonly engine: Engine; readonly input: Input }) => {
        const isWanted = () => current.current === by.engine;
        try {
          await work(by.engine, by.input, (next) => isWanted() && setOutput(next));
        } catch (error) {
          if (isWanted()) onProblem(messageOf(error));
        }
      }),
    [],
  );
  useEffect(() => {
    if (engine && input) run({ engine, input });
  }, [engine, input, run]);
  useEffect(
    () => () => {
      current.current = null;
    },
    [],
  );
  return output;
}

/** The images `[H, W, C]` of a latent with each class; null until they are decoded. */
export type RowImages = readonly Float32Array[] | null;

/** Decodes latents `[rows, D]`, each with every class, row by row, so that other requests can run in between. */
export function useDecodedGrid(
  engine: Engine | null,
  latents: Float32Array | null,
  rows: number,
  classes: readonly number[],
  onProblem?: (message: string) => void,
): readonly RowImages[] {
  const input = useMemo(() => latents && { latents, rows, classes }, [latents, rows, classes]);
  const none = useMemo(() => Array.from({ length: rows }, (): RowImages => null), [rows]);
  return useEngine(engine, input, decodeGrid, onProblem) ?? none;
}

async function decodeGrid(
  engine: Engine,
  { latents, rows, classes }: { latents: Float32Array; rows: number; classes: readonly number[] },
  show: (next: StateUpdater<readonly RowImages[] | null>) => void,
): Promise<void> {
  for (const [row, latent] of split(latents, rows).entries()) {
    const made = await engine.decode(classes.length, repeated(latent, classes.length), Int32Array.from(classes));
    const images = split(made, classes.length);
    show((before) => Array.from({ length: rows }, (_, i) => (i === row ? images : (before?.[i] ?? null))));
  }
}
