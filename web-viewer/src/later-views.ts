import { lazy } from './frame/lazy.tsx';

export const StudioView = lazy(async () => (await import('./views/studio/studio.tsx')).StudioView);
export const EpochsView = lazy(async () => (await import('./views/epochs/epochs.tsx')).EpochsView);
export const TrainView = lazy(async () => (await import('./views/train/train.tsx')).createTrainView());
export const ModelView = lazy(async () => (await import('./views/models/model.tsx')).ModelView);

/** Fetches the code that the first view does not need. @throws Error when some does not arrive */
export const loadViews = (): Promise<unknown> =>
  Promise.all([
    ...[StudioView, EpochsView, TrainView, ModelView].map(({ load }) => load()),
    import('./ui/chart.tsx').then(({ loadPlot }) => loadPlot()),
  ]);
