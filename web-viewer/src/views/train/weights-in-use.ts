import { batch, effect, signal } from '@preact/signals';
import type { Engine } from '../../engine/client.ts';
import type { ModelFiles, WeightFiles } from '../../engine/protocol.ts';
import { messageOf } from '../../site/problem.ts';
import { engine, model, type OpenModel, problem } from '../../state/store.ts';

export type WeightsInUse = ReturnType<typeof createWeightsInUse>;

/** The weights that the whole page uses: those of the export, or trained ones. */
export function createWeightsInUse() {
  /** Whether the whole page uses the trained weights. */
  const everywhere = signal(false);
  /** The trained weights in use, and the engine that has them. */
  let inUse: { readonly engine: Engine; readonly exported: OpenModel; readonly files: WeightFiles } | null = null;

  /** Whether it is still the same model, with any weights. */
  const isOpen = (exported: OpenModel) => model.value?.source === exported.source;

  function swap(loaded: Engine | undefined, opened: OpenModel | null): void {
    const former = engine.value;
    batch(() => {
      if (loaded) engine.value = loaded;
      model.value = opened;
    });
    if (loaded) former?.release();
  }

  /**
   * Makes the whole page use trained weights; failures are reported in `problem`.
   * @param settle whether the open model keeps these files; otherwise they are replaced soon
   */
  async function apply(exported: OpenModel, files: WeightFiles, settle: boolean): Promise<void> {
    const { host } = engine.value ?? {};
    if (!host) return;
    const merged = { ...exported.files, ...files };
    try {
      const loaded = await host.load(merged);
      if (!isOpen(exported) || !everywhere.value) {
        loaded.release();
        return;
      }
      inUse = { engine: loaded, exported, files };
      const { value: opened } = model;
      swap(loaded, settle && opened ? { ...opened, files: merged } : opened);
    } catch (error) {
      // A new worker gets them again.
      if (host.ended !== null || !isOpen(exported)) return;
      problem.value = `the trained weights cannot be used: ${messageOf(error)}`;
      await restore(exported);
    }
  }

  /** Makes the whole page use the exported weights again. */
  async function restore(exported: OpenModel): Promise<void> {
    everywhere.value = false;
    if (!isOpen(exported) || (inUse === null && model.value === exported)) return;
    inUse = null;
    const loaded = await engine.value?.host.load(exported.files).catch(() => undefined);
    if (isOpen(exported) && !everywhere.value) swap(loaded, exported);
    else loaded?.release();
  }

  /** Calls an engine that has certain weights of the open model. */
  async function withWeightsOf<T>(
    exported: OpenModel,
    files: WeightFiles,
    work: (engine: Engine) => Promise<T>,
  ): Promise<T | null> {
    const { value: current } = engine;
    if (!current || !isOpen(exported)) return null;
    const has: WeightFiles = current === inUse?.engine ? inUse.files : (model.value as OpenModel).files;
    if (has === files) return work(current);
    const whole: ModelFiles = { ...exported.files, encoder: files.encoder, decoder: files.decoder };
    const loaded = await current.host.load(whole);
    try {
      return await work(loaded);
    } finally {
      loaded.release();
    }
  }

  // Another worker has taken over: give it the trained weights.
  effect(() => {
    const current = engine.value;
    if (!current || !inUse || current === inUse.engine || !everywhere.peek()) return;
    if (model.peek()?.source === inUse.exported.source) void apply(inUse.exported, inUse.files, true);
  });

  return { everywhere, apply, restore, withWeightsOf };
}
