import { useEffect, useState } from 'preact/hooks';
import type { WeightFiles } from '../engine/protocol.ts';
import { sha256 } from '../site/digest.ts';

/** SHA-256 of a model's files; null where the browser cannot compute it. */
export interface Digests {
  readonly encoder: string | null;
  readonly decoder: string | null;
}

/** The digests of a model's files; null until they are computed, and without files. */
export function useDigests(files: WeightFiles | null): Digests | null {
  const [found, setFound] = useState<{ readonly files: WeightFiles; readonly digests: Digests } | null>(null);
  useEffect(() => {
    let wanted = true;
    if (!files || files.encoder.length === 0) return undefined; // still on their way
    void Promise.all([sha256(files.encoder), sha256(files.decoder)]).then(([encoder, decoder]) => {
      if (wanted) setFound({ files, digests: { encoder, decoder } });
    });
    return () => {
      wanted = false;
    };
  }, [files]);
  return found?.files === files ? (found?.digests ?? null) : null;
}
