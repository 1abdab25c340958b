import { useEffect, useState } from 'preact/hooks';
import { restart } from '../state/open.ts';
import { engine, problem, progress } from '../state/store.ts';
import { bytes, capital } from '../ui/format.ts';

/** Loading progress and errors. */
export function Status() {
  const loading = progress.value;
  const stalls = useStall(loading);
  return (
    <>
      <div class="loading-place">
        {loading && (
          <div class="loading">
            <progress max={loading.total} value={loading.done} aria-label={`Loading ${loading.what}`} />
            <span>
              {loading.what}:{' '}
              {loading.starting
                ? 'starting…'
                : `${bytes(Math.min(loading.done, loading.total))} of ${bytes(loading.total)}`}
              {stalls && '. Nothing has come for a while: check the connection, or reload the page.'}
            </span>
          </div>
        )}
      </div>
      <div role="alert" class="problem-place">
        {problem.value && <Problem text={problem.value} />}
      </div>
    </>
  );
}

/** Milliseconds without progress after which the visitor is told. */
const STALL = 10_000;

/** Whether loading has made no progress for a while. */
function useStall(loading: typeof progress.value): boolean {
  const [stalls, setStalls] = useState(false);
  useEffect(() => {
    setStalls(false);
    if (!loading || loading.starting) return undefined;
    const timer = setTimeout(() => setStalls(true), STALL);
    return () => clearTimeout(timer);
  }, [loading?.what, loading?.done, loading?.starting]);
  return stalls;
}

function Problem({ text }: { readonly text: string }) {
  // A worker that is still running needs no restart.
  const stopped = progress.value === null && (!engine.value || engine.value.host.ended !== null);
  return (
    <div class="problem">
      <p>{sentence(text)}</p>
      <div class="row">
        {stopped && (
          <button type="button" class="button" onClick={() => void restart()}>
            Restart the model
          </button>
        )}
        <button
          type="button"
          class="button"
          onClick={() => {
            problem.value = null;
          }}
        >
          Close
        </button>
      </div>
    </div>
  );
}

/** Capitalizes a sentence, unless it begins with a file name, and adds a full stop. */
function sentence(text: string): string {
  const start = /^[a-z][a-z-]* /.test(text) ? capital(text) : text;
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
