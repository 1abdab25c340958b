import { effect } from '@preact/signals';
import type { Engine } from '../../engine/client.ts';
import { latest } from '../../engine/latest.ts';
import { engine, label, model, type OpenModel } from '../../state/store.ts';
import { split } from '../../ui/pixels.ts';

/** Latents to decode, what they are for, and how long nothing may change before, in milliseconds. */
interface Wanted<About> {
  readonly count: number;
  /** `[count, D]` */
  readonly latents: () => Float32Array;
  readonly about: About;
  readonly wait: number;
}

/**
 * Decodes the latents that follow from signals, whenever these have changed. If the engine ends meanwhile, decoding the large
 * image reports it.
 * @returns a function that stops it
 */
export function decodeLater<About>(
  want: (of: OpenModel) => Wanted<About> | null,
  show: (images: readonly Float32Array[], about: About) => void,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const decode = latest(async (now: Wanted<About> & { by: Engine; of: OpenModel; classIndex: number }) => {
    const { by, of, count, latents, classIndex, about } = now;
    const batch = await by.decode(count, latents(), new Int32Array(count).fill(classIndex)).catch(() => null);
    if (batch && model.value === of) show(split(batch, count), about);
  });
  const end = effect(() => {
    const [by, of, classIndex] = [engine.value, model.value, label.value];
    const wanted = of && want(of);
    clearTimeout(timer);
    if (by && wanted) timer = setTimeout(() => decode({ by, of, classIndex, ...wanted }), wanted.wait);
  });
  return () => {
    clearTimeout(timer);
    end();
  };
}
