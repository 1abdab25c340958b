import { lazy } from './frame/lazy.tsx';

export const StudioView = lazy(async () => (await import('./views/studio/studio.tsx')).createStudioView());
export const EpochsView = lazy(async () => (await import('./views/epochs/epochs.tsx')).EpochsView);
export const TrainView = lazy(async () => (await import('./views/train/train.tsx')).createTrainView());
export const ModelView = lazy(async () => (await import('./views/models/model.tsx')).ModelView);

/** Waits until the page has nothing else to do, for a second at most. */
export const idle = () =>
  new Promise<unknown>((resolve) =>
    'requestIdleCallback' in window ? requestIdleCallback(resolve, { timeout: 1000 }) : setTimeout(resolve, 200),
  );

/** Code that the first view does not need: views, and what opens a visitor's model or saves a table. */
const later: readonly (() => Promise<unknown>)[] = [
  ...[StudioView, EpochsView, TrainView, ModelView].map(({ load }) => load),
  async () => (await import('./ui/chart.tsx')).loadPlot(),
  () => import('d3-dsv'),
  () => import('./state/open-files.ts'),
];

/** Fetches later code while the page has nothing else to do. @throws Error when some does not arrive */
export async function loadViews(): Promise<void> {
  for (const load of later) {
    await idle();
    await load();
  }
}
