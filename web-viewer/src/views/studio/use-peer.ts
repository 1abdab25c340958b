import { useEffect, useState } from 'preact/hooks';
import { type Engine, Host } from '../../engine/client.ts';
import { messageOf } from '../../site/problem.ts';
import type { Card } from '../../site/schema.ts';
import { readCard, root } from '../../state/read-model.ts';
import { site } from '../../state/store.ts';

/** Another model of the site, shown next to the open one. */
export type Peer =
  | { readonly state: 'loading'; readonly done: number; readonly total: number }
  | { readonly state: 'failed'; readonly why: string }
  | { readonly state: 'ready'; readonly engine: Engine; readonly card: Card };

/**
 * Loads one of the site's models into its own worker, which ends when another one is requested or the view unmounts.
 * @param name null for none
 */
export function usePeer(name: string | null): Peer | null {
  const [peer, setPeer] = useState<Peer | null>(null);
  useEffect(() => {
    setPeer(null);
    if (name === null) return undefined;
    let wanted = true;
    let host: Host | undefined;
    const update = (next: Peer) => {
      if (wanted) setPeer(next);
    };
    const load = async () => {
      const entry = site.value?.models.find((model) => model.name === name);
      if (!entry) throw new Error(`this site has no model ${name}`);
      const source = root.at(`models/${entry.folder}`);
      const card = await readCard(source);
      const total = WASM_BYTES + (card.files['encoder.onnx']?.bytes ?? 0) + (card.files['decoder.onnx']?.bytes ?? 0);
      let done = 0;
      const onBytes = (bytes: number) => {
        done += bytes;
        update({ state: 'loading', done: Math.min(done, total), total });
      };
      const [started, encoder, decoder] = await Promise.all([
        Host.start('wasm', onBytes).then((made) => {
          host = made;
          if (!wanted) made.end();
          return made;
        }),
        source.read('encoder.onnx', onBytes),
        source.read('decoder.onnx', onBytes),
      ]);
      const { image, latent, conditional } = card;
      const engine = await started.load({ encoder, decoder, image, latent: latent.size, conditional });
      update({ state: 'ready', engine, card });
    };
    load().catch((error: unknown) => {
      host?.end();
      update({ state: 'failed', why: messageOf(error) });
    });
    return () => {
      wanted = false;
      host?.end();
    };
  }, [name]);
  return peer;
}
