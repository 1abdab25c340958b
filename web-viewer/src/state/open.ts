import { batch, signal } from '@preact/signals';
import type { Engine, Host } from '../engine/client.ts';
import type { Provider } from '../engine/protocol.ts';
import { readJson } from '../site/files.ts';
import { FileProblem, messageOf } from '../site/problem.ts';
import { indexSchema, parseFile } from '../site/schema.ts';
import { createMeter, type Meter } from './meter.ts';
import { readModel, root, withImages } from './read-model.ts';
import {
  addressName,
  currentLatent,
  decoded,
  engine,
  engineNote,
  epoch,
  input,
  inputLabel,
  label,
  latentOrigin,
  mayReplaceModel,
  model,
  modelName,
  type OpenModel,
  OWN,
  problem,
  reading,
  shownClasses,
  site,
} from './store.ts';
import { upgrade } from './upgrade.ts';
import { endHosts, endUnlessRunning, hostFor, isRunning, libraryBytes, replaceHost, separateHost } from './workers.ts';

/** The runtime to use: `auto` for the fastest whose results agree, or a fixed one. */
export type RuntimeChoice = 'auto' | Provider;

/** The visitor's choice. */
export const chosenRuntime = signal<RuntimeChoice>('auto');
/** Models that the visitor has opened during this visit, the newest last. */
export const visitorModels = signal<readonly OpenModel[]>([]);

/** The site's models opened so far, so that reopening one needs no network. */
const opened = new Map<string, OpenModel>();
const MAX_REMEMBERED = 8;

/** Number of the latest request, so that a slow one does not replace a later one. */
let latestRequest = 0;
let meter = createMeter('');

/** Reads the list of models. @throws FileProblem when the site has none */
export async function openSite(): Promise<void> {
  site.value = parseFile(indexSchema, await readJson(root, 'models/index.json'), 'models/index.json');
  if (site.value.models.length === 0) throw new FileProblem('this site has no models');
}

/** Opens a model by its name in the address; failures are reported in `problem`, and the previous model stays. */
export async function openModel(name: string): Promise<void> {
  const own = visitorModels.value.find((opened) => addressName(opened) === name);
  if (own) return reopen(own);
  const entry = site.value?.models.find((model) => model.name === name);
  if (!entry) {
    problem.value = name.startsWith(OWN)
      ? 'this address shows a model from a visitor’s files: open them on this page again'
      : `this site has no model ${name}; choose another one above`;
    return;
  }
  const source = root.at(`models/${entry.folder}`);
  await open(
    name,
    false,
    (meter, early) => opened.get(name) ?? readModel({ siteName: name, source }, meter, early),
    name === modelName.value,
  );
}

/** Reopens a model. */
export async function reopen(next: OpenModel): Promise<void> {
  if (next.loading) await openModel(next.name);
  else await open(next.name, next.fromVisitor, () => next, next.source === model.value?.source);
}

/** Moves the open model to another runtime. */
export async function setRuntime(compute: RuntimeChoice): Promise<void> {
  chosenRuntime.value = compute;
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
 * Opens a model. The first one of a visit is drawn as soon as its points have come, before the library and its files.
 * @param fromVisitor whether its files are a visitor's: these get a separate worker, so that they cannot break the previous
 * model; that worker becomes the running one once they have proved to work
 * @param read reads the model, and hands over early what can be drawn of it
 * @param isOpen whether it is the open model, which is only loaded again
 * @returns whether it is shown; otherwise `problem` says why
 */
export function open(name: string, fromVisitor: boolean, read: Read, isOpen = false): Promise<boolean> {
  if (!isOpen && model.value && !mayReplaceModel.value(name)) return Promise.resolve(false);
  return new Promise((resolve) => {
    void load(name, fromVisitor, read, () => resolve(true)).then(resolve);
  });
}

type Read = (meter: Meter, early?: (drawable: OpenModel) => void) => OpenModel | Promise<OpenModel>;

async function load(name: string, fromVisitor: boolean, read: Read, drawn: () => void): Promise<boolean> {
  const request = ++latestRequest;
  meter.silence();
  const own = createMeter(name);
  meter = own;
  problem.value = null;
  const compute = chosenRuntime.value;
  const provider: Provider = compute === 'webgpu' ? 'webgpu' : 'wasm';
  let starting: Promise<Host> | undefined;
  try {
    const separate = fromVisitor && isRunning(provider);
    if (!isRunning(provider)) own.expect(libraryBytes(provider));
    if (!separate) starting = hostFor(provider, own.add);
    const isFirst = model.value === null && !fromVisitor;
    const early = (drawable: OpenModel) => {
      if (request !== latestRequest) return;
      show(drawable, null);
      drawn();
    };
    const reading = Promise.resolve(read(own, isFirst ? early : undefined));
    // Latents can be decoded before the images have come.
    const first = isFirst ? starting?.catch(() => undefined) : undefined;
    const complete = Promise.all([reading, first]).then(([found]) => withImages(found, own));
    if (isFirst) void complete.then(completeShown, () => undefined);
    const [next] = await Promise.all([isFirst ? reading : complete, starting]);
    starting ??= separateHost(provider, () => undefined);
    const host = await starting;
    own.start(true);
    const loaded = await host.load(next.files);
    own.start(false);
    if (request !== latestRequest) {
      loaded.release();
      await endUnlessRunning(host);
      return false;
    }
    show(isFirst && model.value?.source === next.source && !model.value.loading ? model.value : next, loaded);
    if (next.doubt !== null) problem.value = next.doubt;
    await replaceHost(host);
    await complete;
    void prefetchTraining(next, () => model.value?.source === next.source);
    if (compute === 'auto') void upgrade(loaded, next, () => request === latestRequest);
    else engineNote.value = 'as chosen';
    return true;
  } catch (error) {
    void starting?.then(endUnlessRunning).catch(() => undefined);
    if (request !== latestRequest) return false;
    problem.value = messageOf(error);
    // A runtime that does not start would keep the other models out, too.
    if (compute !== 'auto' && engine.value?.host.provider !== compute) chosenRuntime.value = 'auto';
    return false;
  } finally {
    own.end();
  }
}

/** The model before the open one, for components that have not switched yet. */
let former: Engine | null = null;

/** Adds the images to the model that is shown without them. */
function completeShown(complete: OpenModel): void {
  if (model.value?.source !== complete.source) return;
  model.value = complete;
  remember(complete);
}

/** Makes a model the open one. @param loaded null where the library has not come yet */
function show(next: OpenModel, loaded: Engine | null): void {
  former?.release();
  former = engine.value;
  batch(() => {
    engine.value = loaded;
    engineNote.value = '';
    const before = model.value;
    if (next.source === before?.source) {
      model.value = next;
      return;
    }
    const sameSet = next.set !== null && next.set === before?.set;
    // The visitor's drawing or picture stays as long as it fits.
    const own = input.value?.origin !== 'set' && before && sameSize(next.card.image, before.card.image);
    const keptInput = sameSet || own ? input.value : null;
    model.value = next;
    reading.value = null;
    currentLatent.value = null;
    decoded.value = null;
    epoch.value = 0;
    if (!sameSet) shownClasses.value = null;
    for (const choice of [label, inputLabel]) if (choice.value >= (next.card.classes?.length ?? 1)) choice.value = 0;
    input.value = keptInput ? { ...keptInput } : null;
    latentOrigin.value = 'input';
    if (!next.loading) remember(next);
  });
}

const sameSize = (a: OpenModel['card']['image'], b: OpenModel['card']['image']) =>
  a.height === b.height && a.width === b.width && a.channels === b.channels;

function remember(next: OpenModel): void {
  if (next.fromVisitor) {
    if (!visitorModels.value.includes(next))
      visitorModels.value = [...visitorModels.value, next].slice(-MAX_REMEMBERED);
    return;
  }
  opened.delete(next.name);
  opened.set(next.name, next);
  const [oldest] = opened.keys();
  if (opened.size > MAX_REMEMBERED && oldest !== undefined) opened.delete(oldest);
}

/** Larger records are not prefetched. */
const MAX_BYTES = 2e6;

/**
 * Prefetches the record of the model's training once everything else has loaded, so that it opens immediately and, by the
 * service worker, offline. Files that fail are read when they are needed.
 */
async function prefetchTraining({ manifest, source, fromVisitor }: OpenModel, isWanted: () => boolean): Promise<void> {
  const { connection } = navigator as Navigator & { connection?: { readonly saveData?: boolean } };
  if (!manifest.training || fromVisitor || connection?.saveData) return;
  const { metrics, pictures } = manifest.training;
  const files = [metrics, ...pictures.map(({ file }) => file)];
  if (files.reduce((sum, file) => sum + (manifest.files[file] ?? 0), 0) > MAX_BYTES) return;
  try {
    for (const file of files) {
      if (!isWanted()) return;
      await source.read(file);
    }
  } catch {
    // Not needed yet; it is fetched again when it is.
  }
}
