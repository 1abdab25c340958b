import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** A view whose code is fetched when it is first shown, or by `load`. */
export interface LazyView {
  (): JSX.Element;
  load(): Promise<ComponentType>;
}

/**
 * Makes a view of code that is fetched later. Until it has come the view says so; without it the view throws, for the error
 * boundary around it, and fetches it again when it is shown again.
 */
export function lazy(fetchView: () => Promise<ComponentType>): LazyView {
  let fetched: ComponentType | null = null;
  let pending: Promise<ComponentType> | null = null;
  const load = () => {
    pending ??= fetchView().then(
      (view) => {
        fetched = view;
        return view;
      },
      (cause: unknown) => {
        pending = null;
        throw new Error('its code did not arrive; check the connection, or reload the page', { cause });
      },
    );
    return pending;
  };
  const view = () => {
    const [View, setView] = useState(() => fetched);
    const [problem, setProblem] = useState<unknown>(null);
    useEffect(() => {
      load().then((found) => setView(() => found), setProblem);
    }, []);
    if (problem) throw problem;
    return View ? <View /> : <p class="say">Loading this view.</p>;
  };
  return Object.assign(view, { load });
}
