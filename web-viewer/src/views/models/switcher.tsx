import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { readCards } from '../../state/cards.ts';
import { model } from '../../state/store.ts';
import { Button } from '../../ui/controls.tsx';
import { Icon } from './icons.tsx';
import { listedModels } from './listed-models.ts';
import { inOneLine } from './texts.ts';

/** The model switcher: a button with the open model, and a list of all models, each in a line. */
export function Switcher() {
  const isOpen = useSignal(false);
  const list = useRef<HTMLDivElement>(null);
  const options = () => [...(list.current?.querySelectorAll<HTMLButtonElement>('[role=option]') ?? [])];
  const onToggle = ({ newState }: { readonly newState: string }) => {
    isOpen.value = newState === 'open';
    if (!isOpen.value) return;
    void readCards();
    (options().find((option) => option.ariaSelected === 'true') ?? options()[0])?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const all = options();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    const typed = event.key.length === 1 && /\S/.test(event.key) ? event.key.toLowerCase() : null;
    const named = ({ dataset }: HTMLElement) => typed !== null && dataset.name?.toLowerCase().startsWith(typed);
    const next = to === undefined ? [...all.slice(at + 1), ...all].find(named) : all[(to + all.length) % all.length];
    if (!next) return;
    next.focus();
    event.preventDefault();
  };
  const current = model.value;
  return (
    <>
      <Button class="switch" popovertarget="models" aria-haspopup="listbox" aria-expanded={isOpen.value}>
        <span class="what">
          <b class="model-name ellipsis">
            <span class="visually-hidden">Model: </span>
            {current?.name ?? '…'}
          </b>
          <span class="model-line quiet ellipsis">{current ? inOneLine(current.card) : ' '}</span>
        </span>
        <Icon name="down" />
      </Button>
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
        {listedModels().map(({ key, name, card, fromVisitor, isOpen, open }) => (
          <Button
            key={key}
            class=""
            role="option"
            aria-selected={isOpen}
            tabIndex={isOpen ? 0 : -1}
            data-name={name}
            onClick={() => {
              list.current?.hidePopover();
              open();
            }}
          >
            <b class="model-name">{name}</b>
            <span class="model-line quiet">
              {fromVisitor && 'opened by you · '}
              {card && inOneLine(card)}
            </span>
            <span class="about quiet">{card?.model.summary}</span>
          </Button>
        ))}
      </div>
    </>
  );
}
