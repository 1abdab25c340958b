import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Tab, tab } from '../state/store.ts';

const query = matchMedia('(max-width: 900px)');

/** Whether only one panel fits; the same width as in frame.css. */
export const narrow = signal(query.matches);
query.addEventListener('change', ({ matches }) => {
  narrow.value = matches;
});

const names: Readonly<Record<Tab, string>> = {
  draw: 'Draw',
  map: 'Map',
  latent: 'Sliders',
  studio: 'Studio',
  epochs: 'Epochs',
  train: 'Train',
  model: 'Model',
};
const order: readonly Tab[] = ['draw', 'map', 'latent', 'studio', 'epochs', 'train', 'model'];
/** Views of the side panels; they get a tab where only one panel fits. */
const sides: Partial<Record<Tab, string>> = { draw: 'left', latent: 'right' };

/** The view in the middle. Where there is room, the side panels are always visible and the middle shows the map. */
export const inTheMiddle = (shown: Tab): Tab => (shown in sides ? 'map' : shown);

/** The tab list; arrow keys, Home and End move the selection. */
export function Tabs() {
  const list = useRef<HTMLDivElement>(null);
  const selected = narrow.value ? tab.value : inTheMiddle(tab.value);
  const visible = order.filter((name) => narrow.value || !(name in sides));
  useEffect(() => {
    // On a phone the tab list may be wider than the page.
    const chosen = list.current?.querySelector<HTMLElement>(`#tab-${selected}`);
    if (narrow.value) chosen?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [selected]);
  const move = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = visible.indexOf(selected);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    const next = to === undefined ? undefined : visible[(to + visible.length) % visible.length];
    if (next === undefined) return;
    event.preventDefault();
    tab.value = next;
    list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <div ref={list} class="tabs" role="tablist" aria-label="Views" onKeyDown={move}>
      {visible.map((name) => (
        <button
          key={name}
          id={`tab-${name}`}
          type="button"
          role="tab"
          aria-selected={name === selected}
          aria-controls={sides[name] ?? 'panel'}
          tabIndex={name === selected ? 0 : -1}
          onClick={() => {
            tab.value = name;
          }}
        >
          {/* CSS reserves the width of the bold text, so that selecting a tab moves nothing. */}
          <span data-text={names[name]}>{names[name]}</span>
        </button>
      ))}
    </div>
  );
}
