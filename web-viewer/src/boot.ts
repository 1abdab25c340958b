import { effect } from '@preact/signals';
import { readCards } from './state/cards.ts';
import { showRow, startExploring } from './state/explore.ts';
import { openModel, openSite } from './state/open.ts';
import { openLink } from './state/open-files.ts';
import { input, model, modelName, type OpenModel, problem, site } from './state/store.ts';
import { followState, modelInUrl, readModelParameters, readSettings } from './state/url.ts';
import { startWalk } from './state/walk.ts';

/** Opens the site and the model in the address, restores its state, and keeps both in sync with the address. */
export async function boot(): Promise<void> {
  try {
    readSettings();
    startExploring();
    await openFirst();
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error);
  }
  let endWalk: (() => void) | undefined;
  let shown: OpenModel | null = null;
  effect(() => {
    const opened = model.value;
    // New weights of the same model, from training, do not change the view.
    if (opened && opened.source === shown?.source) return;
    shown = opened;
    endWalk?.();
    endWalk = undefined;
    if (!opened || input.peek()) return;
    if (readModelParameters()) return;
    showRow(0);
    endWalk = startWalk(opened);
  });
  followState();
  window.addEventListener('hashchange', ({ newURL }) => {
    // The previous state may have overwritten the address meanwhile.
    if (newURL !== location.href) history.replaceState(history.state, '', newURL);
    const name = modelInUrl();
    readSettings();
    if (name && name !== modelName.value) void follow(name, location.hash);
    else readModelParameters();
  });
  // So that the model switcher can describe all models, also offline.
  if (model.value) void readCards();
}

/** Opens the site's model in the hash, the folder in the query (`?model=`), or the site's first model. */
async function openFirst(): Promise<void> {
  const linked = new URLSearchParams(location.search).get('model');
  const named = modelInUrl();
  await openSite().catch((error: unknown) => {
    if (linked === null) throw error;
  });
  const [first] = site.value?.models ?? [];
  if (linked !== null && named === null) await openLink(linked);
  else await openModel(named ?? first?.name ?? '');
  // Show some model even where the address names no usable one.
  if (model.value || !first || !problem.value) return;
  const reported = problem.value;
  await openModel(first.name);
  problem.value = reported;
}

/** Opens the model that the address has changed to, with its state. */
async function follow(name: string, hash: string): Promise<void> {
  await openModel(name);
  if (modelName.value !== name) return;
  // The address may have followed the previous model meanwhile.
  history.replaceState(history.state, '', hash);
  readSettings();
  readModelParameters();
}
