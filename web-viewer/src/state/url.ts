import { effect, signal } from '@preact/signals';
import { modelParameters, type Parameter, settings } from './parameters.ts';
import { model, modelName } from './store.ts';

/** The parameters of the open model, those of mounted views included. */
const shared = signal(modelParameters);
/** What the last link says that no parameter has taken yet, and the model that it is about. */
const link = signal({ rest: new URLSearchParams(), model: null as string | null });
/** Whether a link is being opened. */
const opening = signal(false);

/**
 * Adds a view's parameters to the address. They are applied when a link is opened, and at once if the open model's link has
 * them. While a view is mounted: `useEffect(() => share(...), [])`; for good: when its state is made.
 * @returns a function that removes them
 */
export function share(...parameters: readonly Parameter[]): () => void {
  shared.value = [...shared.peek(), ...parameters];
  const { rest, model: linked } = link.peek();
  if (linked !== null && linked === modelName.peek() && !opening.peek()) {
    for (const { key, write } of parameters) {
      const text = rest.get(key);
      rest.delete(key);
      if (text !== null) void write(text);
    }
  }
  return () => {
    shared.value = shared.peek().filter((parameter) => !parameters.includes(parameter));
  };
}

const parameters = (hash = location.hash) => new URLSearchParams(hash.slice(1));

/** The address that was opened or written last. Another one is new, and is opened before it may be written. */
let known = '';

/**
 * Opens what the address says: its settings, its model, and then what it shows of the model. Meanwhile the address stays.
 * @param open opens the model of this name, and returns whether the open one is meant
 */
export async function openAddress(open: (name: string | null) => Promise<boolean>): Promise<void> {
  known = location.hash;
  const found = parameters(known);
  const name = found.get('model');
  const isLatest = () => link.value.rest === found;
  /** While one is applied, a view may add more. */
  const apply = async (all: () => readonly Parameter[]) => {
    const applied = new Set<Parameter>();
    const next = () => (isLatest() ? all().find((parameter) => !applied.has(parameter)) : undefined);
    for (let parameter = next(); parameter; parameter = next()) {
      applied.add(parameter);
      await parameter.write(found.get(parameter.key));
      found.delete(parameter.key);
    }
  };
  opening.value = true;
  link.value = { rest: found, model: name };
  let opened: string | null = null;
  try {
    await apply(() => settings);
    if (await open(name)) opened = modelName.value;
  } finally {
    found.delete('model');
    if (isLatest() && opened !== null) await apply(() => shared.value);
    // A later link may be on its way.
    if (isLatest()) {
      link.value = { rest: found, model: opened };
      opening.value = false;
    }
  }
}

/** The address follows the state this often, in milliseconds: browsers allow no more than a hundred changes in 30 seconds. */
const INTERVAL = 300;

/** What an entry of the history is: another model or tab makes a new one. */
const entryOf = (hash: string) => {
  const found = parameters(hash);
  return `${found.get('model')} ${found.get('tab')}`;
};

/** Keeps the address up to date once a model is open. @returns a function that stops it */
export function followState(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pending: string | null = null;
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    if (pending !== null && pending !== known && location.hash === known) {
      const entry = parameters(known).has('model') && entryOf(pending) !== entryOf(known);
      history[entry ? 'pushState' : 'replaceState'](null, '', pending);
      known = location.hash;
    }
    pending = null;
  };
  return effect(() => {
    const { rest, model: linked } = link.value;
    const rows = [{ key: 'model', read: () => modelName.value }, ...settings, ...shared.value];
    const texts = rows.map(({ key, read }) => [key, read()] as const);
    if (!model.value || opening.value) {
      pending = null;
      return;
    }
    const kept = linked === modelName.value ? [...rest] : [];
    const hash = `#${[...texts, ...kept]
      .flatMap(([key, text]) => (text === null ? [] : [`${key}=${encodeURIComponent(text).replaceAll('%2C', ',')}`]))
      .join('&')}`;
    // The entry that is left holds what was seen last.
    if (pending !== null && entryOf(pending) !== entryOf(hash)) write();
    pending = hash;
    timer ??= setTimeout(write, INTERVAL);
  });
}
