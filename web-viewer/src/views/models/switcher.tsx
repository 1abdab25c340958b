import { signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { cards, readCards } from '../../state/cards.ts';
import { openModel, reopen, visitorModels } from '../../state/open.ts';
import { model, modelName, site } from '../../state/store.ts';
import { factLine } from './facts.ts';
import { Icon } from './icons.tsx';

/** A model that can be chosen. */
interface Choice {
  readonly key: string;
  readonly name: string;
  readonly summary: string;
  readonly facts: string;
  readonly group: 'site' | 'visitor';
  readonly chosen: boolean;
  open(): void;
}

function choices(): Choice[] {
  const ofSite = (site.value?.models ?? []).map(({ name }): Choice => {
    const card = cards.value.get(name) ?? (name === modelName.value ? model.value?.card : undefined);
    return {
      key: `site/${name}`,
      name,
      summary: card?.model.summary ?? '',
      facts: card ? factLine(card) : '',
      group: 'site',
      chosen: name === modelName.value,
      open: () => void openModel(name),
    };
  });
  const ofVisitor = visitorModels.value.map(
    (opened, index): Choice => ({
      key: `visitor/${index}`,
      name: opened.name,
      summary: opened.card.model.summary,
      facts: factLine(opened.card),
      group: 'visitor',
      chosen: opened === model.value,
      open: () => void reopen(opened),
    }),
  );
  return [...ofSite, ...ofVisitor];
}

const isOpen = signal(false);

/** The model switcher: a button with the open model, and a list of all models with their main facts. */
export function Switcher() {
  const list = useRef<HTMLDivElement>(null);
  const options = () => [...(list.current?.querySelectorAll<HTMLButtonElement>('[role=option]') ?? [])];
  const onToggle = ({ newState }: { readonly newState: string }) => {
    isOpen.value = newState === 'open';
    if (!isOpen.value) return;
    void readCards();
    (options().find((option) => option.ariaSelected === 'true') ?? options()[0])?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const all = options();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    const typed = event.key.length === 1 && /\S/.test(event.key) ? event.key.toLowerCase() : undefined;
    const next =
      to !== undefined
        ? all[(to + all.length) % all.length]
        : typed === undefined
          ? undefined
          : [...all.slice(at + 1), ...all].find((option) => option.dataset.name?.toLowerCase().startsWith(typed));
    if (!next) return;
    next.focus();
    event.preventDefault();
  };
  const all = choices();
  const current = model.value;
  const facts = current ? factLine(current.card) : ' ';
  return (
    <>
      <button type="button" class="switch" popovertarget="models" aria-haspopup="listbox" aria-expanded={isOpen.value}>
        <span class="what">
          <span class="model-name">
            <span class="visually-hidden">Model: </span>
            {current?.name ?? '…'}
          </span>
          <span class="facts quiet">{facts}</span>
        </span>
        <Icon name="down" />
      </button>
      <div
        ref={list}
        id="models"
        class="menu models"
        popover="auto"
        role="listbox"
        aria-label="Models"
        onToggle={onToggle}
        onKeyDown={onKeyDown}
      >
        {all.map((choice) => (
          <button
            key={choice.key}
            type="button"
            role="option"
            aria-selected={choice.chosen}
            tabIndex={choice.chosen ? 0 : -1}
            data-name={choice.name}
            onClick={() => {
              list.current?.hidePopover();
              choice.open();
            }}
          >
            <span class="model-name">{choice.name}</span>
            <span class="facts quiet">
              {choice.group === 'visitor' ? `opened by you · ${choice.facts}` : choice.facts}
            </span>
            <span class="about quiet">{choice.summary}</span>
          </button>
        ))}
      </div>
    </>
  );
}
