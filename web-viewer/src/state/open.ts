import { batch, signal } from '@preact/signals';
import type { Engine, Host } from '../engine/client.ts';
import type { Provider } from '../engine/protocol.ts';
import { kept, readJson } from '../site/files.ts';
import { FileProblem } from '../site/problem.ts';
import { indexSchema, parseFile } from '../site/schema.ts';
import { Meter } from './meter.ts';
import { isOfTraining, readAhead } from './read-ahead.ts';
import { readModel, root } from './read-model.ts';
import {
  currentLatent,
  decoded,
  engine,
  engineNote,
  epoch,
  input,
  inputLabel,
  label,
  model,
  modelName,
  type OpenModel,
  problem,
  reading,
  shownClasses,
  site,
} from './store.ts';
import { upgrade } from './upgrade.ts';
import { adopt, endApart, endHosts, hostApart, hostFor, isRunning, libraryBytes } from './workers.ts';

/** Which runtime to use: the fastest that agrees, or the visitor's choice. */
export type Compute = 'auto' | Provider;

/** The visitor's choice. */
export const chosenCompute = signal<Compute>('auto');
/** Models that the visitor has opened during this visit, the newest last. */
export const givenModels = signal<readonly OpenModel[]>([]);

/** The site's models that were opened before, so that returning needs no network. */
const opened = new Map<string, OpenModel>();
const MOST_OPENED = 8;

/** Counts requested models, so that a slow one does not replace a later one. */
let asked = 0;
let meter = new Meter('');

/** Reads the list of models. @throws FileProblem when the site has none */
export async function openSite(): Promise<void> {
  site.value = parseFile(indexSchema, await readJson(root, 'models/index.json'), 'models/index.json');
  if (site.value.models.length === 0) throw new FileProblem('this site has no models');
}

/** Opens one of the site's models by name; failures are reported in `problem`, and the previous model stays. */
export async function openModel(name: string, compute: Compute = chosenCompute.value): Promise<void> {
  chosenCompute.value = compute;
  const entry = site.value?.models.find((model) => model.name === name);
  if (!entry) {
    problem.value = `this site has no model ${name}; choose another one above`;
    return;
  }
  const source = kept(root.at(`models/${entry.folder}`), isOfTraining);
  await open(name, false, (meter) => opened.get(name) ?? readModel(name, source, false, meter));
}

/** Reopens a model. */
export const reopen = (model: OpenModel): Promise<boolean> => open(model.name, model.given, () => model);

/** Moves the open model to another runtime. */
export async function setCompute(compute: Compute): Promise<void> {
  chosenCompute.value = compute;
  if (model.value) await reopen(model.value);
}

/** Restarts the model's worker with the same model. */
export async function restart(): Promise<void> {
  const current = model.value;
  const [first] = site.value?.models ?? [];
  await endHosts();
  engine.value = null;
  if (current) await reopen(current);
  else if (first) await openModel(first.name);
}

/**
 * Opens a model.
 * @param given whether its files are a visitor's: these get a separate worker, so that the previous model survives
 * whatever they do; that worker becomes the running one once they have proved to work
 * @param read reads the model
 * @returns whether it was opened; otherwise `problem` says why
 */
export async function open(
  name: string,
  given: boolean,
  read: (meter: Meter) => OpenModel | Promise<OpenModel>,
): Promise<boolean> {
  const turn = ++asked;
  meter.silence();
  const own = new Meter(name);
  meter = own;
  problem.value = null;
  const compute = chosenCompute.value;
  const provider: Provider = compute === 'webgpu' ? 'webgpu' : 'wasm';
  let starting: Promise<Host> | undefined;
  try {
    const apart = given && isRunning(provider);
    if (!isRunning(provider)) own.expect(libraryBytes(provider));
    if (!apart) starting = hostFor(provider, own.add);
    const [next] = await Promise.all([read(own), starting]);
    starting ??= hostApart(provider, () => undefined);
    const host = await starting;
    const loaded = await host.load(next.files);
    if (turn !== asked) {
      loaded.release();
      await endApart(host);
      return false;
    }
    show(next, loaded);
    await adopt(host);
    void readAhead(next, () => model.value === next);
    if (compute === 'auto') void upgrade(loaded, next, () => turn === asked);
    else engineNote.value = 'as chosen';
    return true;
  } catch (error) {
    void starting?.then(endApart).catch(() => undefined);
    if (turn === asked) problem.value = error instanceof Error ? error.message : String(error);
    return false;
  } finally {
    own.end();
  }
}

/** The model before the open one, for components that have not switched yet. */
let former: Engine | null = null;

/** Makes a loaded model the open one. */
function show(next: OpenModel, loaded: Engine): void {
  former?.release();
  former = engine.value;
  batch(() => {
    engine.value = loaded;
    engineNote.value = '';
    if (next === model.value) return;
    const before = model.value;
    const sameSet = next.set !== null && next.set === before?.set;
    // The visitor's drawing or picture stays as long as it fits.
    const own = input.value?.origin !== 'set' && before && sameSize(next.card.image, before.card.image);
    const kept = sameSet || own ? input.value : null;
    model.value = next;
    modelName.value = next.given ? null : next.name;
    reading.value = null;
    currentLatent.value = null;
    decoded.value = null;
    // Before the first model these come from the address.
    if (before) epoch.value = 0;
    if (before && !sameSet) shownClasses.value = null;
    for (const choice of [label, inputLabel]) if (choice.value >= (next.card.classes?.length ?? 1)) choice.value = 0;
    input.value = kept ? { ...kept } : null;
  });
  remember(next);
}

const sameSize = (a: OpenModel['card']['image'], b: OpenModel['card']['image']) =>
  a.height === b.height && a.width === b.width && a.channels === b.channels;

function remember(next: OpenModel): void {
  if (next.given) {
    if (!givenModels.value.includes(next)) givenModels.value = [...givenModels.value, next].slice(-MOST_OPENED);
    return;
  }
  opened.delete(next.name);
  opened.set(next.name, next);
  const [oldest] = opened.keys();
  if (opened.size > MOST_OPENED && oldest !== undefined) opened.delete(oldest);
}
