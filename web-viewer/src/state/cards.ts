import { signal } from '@preact/signals';
import type { Card } from '../site/schema.ts';
import { readCard, root } from './read-model.ts';
import { site } from './store.ts';

/** The cards of the site's models that have been read, by name; null where one cannot be read. */
export const cards = signal<ReadonlyMap<string, Card | null>>(new Map());
let reading: Promise<void> | undefined;

/** Reads the cards of all the site's models, once. */
export function readCards(): Promise<void> {
  reading ??= readAll();
  return reading;
}

async function readAll(): Promise<void> {
  const models = site.value?.models ?? [];
  const read = models.map(async ({ name, folder }) => {
    const card = await readCard(root.at(`models/${folder}`)).catch(() => null);
    cards.value = new Map(cards.value).set(name, card);
  });
  await Promise.all(read);
  // What failed over the network may succeed later.
  if ([...cards.value.values()].includes(null)) reading = undefined;
}
