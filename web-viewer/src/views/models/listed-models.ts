import type { Card } from '../../site/schema.ts';
import { cards } from '../../state/cards.ts';
import { openModel, reopen, visitorModels } from '../../state/open.ts';
import { model, modelName, site } from '../../state/store.ts';

/** A model that can be opened: one of the site's, or one that the visitor has opened before. */
export interface ListedModel {
  readonly key: string;
  readonly name: string;
  /** Undefined until it is read, null where it cannot be. */
  readonly card: Card | null | undefined;
  readonly fromVisitor: boolean;
  readonly isOpen: boolean;
  open(): void;
}

/** The models that can be opened, in the order of the lists. It reads signals. */
export const listedModels = (): readonly ListedModel[] => [
  ...(site.value?.models ?? []).map(({ name }) => {
    const isOpen = name === modelName.value;
    const card = cards.value.get(name) ?? (isOpen ? model.value?.card : cards.value.get(name));
    return { key: `site/${name}`, name, card, fromVisitor: false, isOpen, open: () => void openModel(name) };
  }),
  ...visitorModels.value.map((opened, i) => ({
    key: `visitor/${i}`,
    name: opened.name,
    card: opened.card,
    fromVisitor: true,
    isOpen: opened.source === model.value?.source,
    open: () => void reopen(opened),
  })),
];
