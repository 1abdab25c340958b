import { effect } from '@preact/signals';
import { readCards } from './state/cards.ts';
import { showRow, startExploring } from './state/explore.ts';
import { openLink } from './state/give.ts';
import { openModel, openSite } from './state/open.ts';
import { input, model, modelName, type OpenModel, problem, site } from './state/store.ts';
import { followState, modelInUrl, readExplored, readSettings } from './state/url.ts';
import { startWalk } from './state/walk.ts';

/** Opens the site, the model that the address names, and what it says to look at; then keeps all of that up to date. */
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
    // Other weights of the same model, from training, change nothing of what is looked at.
    if (opened && opened.source === shown?.source) return;
    shown = opened;
    endWalk?.();
    endWalk = undefined;
    if (!opened || input.peek()) return;
    if (readExplored()) return;
    showRow(0);
    endWalk = startWalk(opened);
  });
  followState();
  window.addEventListener('hashchange', ({ newURL }) => {
    // The state before may have been written over it meanwhile.
    if (newURL !== location.href) history.replaceState(history.state, '', newURL);
    const name = modelInUrl();
    readSettings();
    if (name && name !== modelName.value) void follow(name, location.hash);
    else readExplored();
  });
  // So that the choice of a model tells of all of them, without the network too.
  if (model.value) void readCards();
}

/** Opens the site's model that the hash names, the folder that the query names (`?model=`), or the site's first model. */
async function openFirst(): Promise<void> {
  const linked = new URLSearchParams(location.search).get('model');
  const named = modelInUrl();
  await openSite().catch((error: unknown) => {
    if (linked === null) throw error;
  });
  const [first] = site.value?.models ?? [];
  if (linked !== null && named === null) await openLink(linked);
  else await openModel(named ?? first?.name ?? '');
  // An address that names no model that can be opened still shows one.
  if (model.value || !first || !problem.value) return;
  const told = problem.value;
  await openModel(first.name);
  problem.value = told;
}

/** Opens another model that the address has come to name, and what it says to look at. */
async function follow(name: string, hash: string): Promise<void> {
  await openModel(name);
  if (modelName.value !== name) return;
  // Meanwhile the address may have followed the model before.
  history.replaceState(history.state, '', hash);
  readSettings();
  readExplored();
}
