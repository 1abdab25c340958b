import { effect } from '@preact/signals';
import { engine, model } from '../state/store.ts';

/**
 * Keeps the page and the models that were opened, where the browser allows it, so that they open offline.
 * @param loadViews fetches the code that the first view does not need
 */
export async function keepOffline(loadViews: () => Promise<unknown>): Promise<void> {
  if (!('serviceWorker' in navigator) || location.protocol === 'file:') return;
  try {
    await navigator.serviceWorker.register('./service-worker.js');
    const { active } = await navigator.serviceWorker.ready;
    if (!active) return;
    const { dataset } = document.documentElement;
    const keep = async (fetched: readonly string[]) => {
      dataset.offline = 'busy';
      await loadViews().catch(() => undefined);
      const urls = performance.getEntriesByType('resource').map(({ name }) => name);
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        dataset.offline = 'ready';
        channel.port1.close();
      };
      active.postMessage([location.href.replace(/[?#].*/, ''), ...fetched, ...urls], [channel.port2]);
    };
    effect(() => {
      if (engine.value && model.value && !model.value.loading) void keep(engine.value.host.fetched);
    });
  } catch {
    // The page works online as before.
  }
}
