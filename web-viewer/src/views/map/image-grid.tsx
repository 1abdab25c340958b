import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { showRow } from '../../state/explore.ts';
import { selectedRow } from '../../state/store.ts';
import { useMap } from './create-map.ts';
import { describe, ImageOfRow } from './image-of-row.tsx';

/** Width of a cell, in CSS pixels. */
const CELL = 42;

/**
 * A virtual scrolling grid of images. Arrow keys move, Enter selects.
 * @param errors whether the error of each pixel is shown instead
 */
export function ImageGrid({ rows, errors }: { readonly rows: Uint32Array; readonly errors: boolean }) {
  const map = useMap();
  const { hovered } = map;
  const box = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ top: 0, height: 400, columns: 5 });
  const [active, setActive] = useState(0);
  const current = Math.min(active, rows.length - 1);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => {
      const columns = Math.max(1, Math.floor(element.clientWidth / CELL));
      setRoom({ top: element.scrollTop, height: element.clientHeight, columns });
    };
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      watch.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, []);

  const { columns } = room;
  const go = (to: number) => {
    const next = Math.min(rows.length - 1, Math.max(0, to));
    setActive(next);
    hovered.value = { row: rows[next] as number, at: null };
    const top = Math.floor(next / columns) * CELL;
    const element = box.current;
    if (element && top < element.scrollTop) element.scrollTop = top;
    else if (element && top + CELL > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + CELL - element.clientHeight;
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = columns * Math.max(1, Math.floor(room.height / CELL) - 1);
    const steps: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns,
      ArrowDown: columns,
      PageUp: -page,
      PageDown: page,
      Home: -rows.length,
      End: rows.length,
    };
    const step = steps[event.key];
    if (step !== undefined) go(current + step);
    else if (event.key === 'Enter' || event.key === ' ') showRow(rows[current] as number);
    else return;
    event.preventDefault();
  };

  const first = Math.max(0, Math.floor(room.top / CELL) - 1) * columns;
  const last = Math.min(rows.length, (Math.ceil((room.top + room.height) / CELL) + 1) * columns);
  const cells = Array.from(rows.subarray(first, last), (row, i) => ({ row, index: first + i }));
  return (
    <div
      ref={box}
      class="map-grid"
      role="listbox"
      aria-label="Selected images"
      tabIndex={0}
      aria-activedescendant={current >= first && current < last ? `map-cell-${current}` : undefined}
      onKeyDown={onKeyDown}
      onClick={(event) => {
        const index = indexOf(event);
        if (index === null) return;
        setActive(index);
        showRow(rows[index] as number);
      }}
      onPointerMove={(event) => {
        const index = indexOf(event);
        hovered.value = index === null ? null : { row: rows[index] as number, at: null };
      }}
      onPointerLeave={() => {
        hovered.value = null;
      }}
      onBlur={() => {
        hovered.value = null;
      }}
    >
      <div style={{ height: `${Math.ceil(rows.length / columns) * CELL}px` }} role="presentation">
        {cells.map(({ row, index }) => (
          <div
            key={row}
            id={`map-cell-${index}`}
            class="map-cell"
            role="option"
            tabIndex={-1}
            aria-selected={row === selectedRow.value}
            aria-setsize={rows.length}
            aria-posinset={index + 1}
            aria-label={describe(map, row)}
            title={describe(map, row)}
            data-row={row}
            data-index={index}
            data-active={index === current}
            style={{ left: `${(index % columns) * CELL}px`, top: `${Math.floor(index / columns) * CELL}px` }}
          >
            <ImageOfRow row={row} label={describe(map, row)} errors={errors} />
          </div>
        ))}
      </div>
    </div>
  );
}

/** The cell that an event comes from. */
function indexOf({ target }: Event): number | null {
  const index = target instanceof Element ? target.closest<HTMLElement>('[data-index]')?.dataset.index : undefined;
  return index === undefined ? null : Number(index);
}
