import { effect } from '@preact/signals';
import { showRecorded } from './frame/recorded.ts';
import { readCards } from './state/cards.ts';
import { awaitedRow, showRow, startExploring } from './state/explore.ts';
import { openModel, openSite } from './state/open.ts';
import {
  currentLatent,
  engine,
  input,
  model,
  modelName,
  type OpenModel,
  OWN,
  problem,
  report,
  site,
} from './state/store.ts';
import { followState, openAddress } from './state/url.ts';
import { createWalk } from './state/walk.ts';

/** Opens the site and the model in the address, restores its state, and keeps both in sync with the address. */
export async function boot(): Promise<void> {
  startExploring();
  const walk = createWalk();
  const started = openAddress(openFirst).catch(report);
  // An address that comes meanwhile is opened after the first one.
  window.addEventListener('hashchange', () => {
    void started.then(() => openAddress(openNext));
  });
  await started;
  let shown: OpenModel | null = null;
  effect(() => {
    const opened = model.value;
    // New weights of the same model, from training, do not change the view.
    if (opened && opened.source === shown?.source) return;
    shown = opened;
    if (opened?.loading) void showRecorded(opened);
    if (!opened || input.peek() || awaitedRow.peek() !== null || currentLatent.peek()) return;
    showRow(0);
    walk.start(opened);
  });
  followState();
  // So that the model switcher can describe all models, also offline.
  effect(() => {
    if (engine.value) void readCards();
  });
}

const isOpen = (named: string | null) => named === null || named === modelName.value;

/** Opens the model in the hash, and keeps the open one where there is none. */
async function openNext(named: string | null): Promise<boolean> {
  if (named !== null && !isOpen(named)) await openModel(named);
  return isOpen(named);
}

/** Opens the site's model in the hash, the folder in the query (`?model=`), or the site's first model. */
async function openFirst(named: string | null): Promise<boolean> {
  const linked = new URLSearchParams(location.search).get('model');
  await openSite().catch((error: unknown) => {
    if (linked === null) throw error;
  });
  const [first] = site.value?.models ?? [];
  if (linked !== null && (named === null || named.startsWith(OWN))) {
    if (await (await import('./state/open-files.ts')).openLink(linked)) return true;
  } else await openModel(named ?? first?.name ?? '');
  if (model.value || !first || !problem.value) return isOpen(named);
  // Show some model even where the address names no usable one.
  const reported = problem.value;
  await openModel(first.name);
  problem.value = reported;
  return false;
}
