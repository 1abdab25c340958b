import type { Signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { colourOfClass } from '../../ui/class-colours.ts';
import { Button } from '../../ui/controls.tsx';
import { PixelImage } from '../../ui/pixel-image.tsx';
import type { Shape } from '../../ui/pixels.ts';
import { rowName } from './latents.ts';
import type { RowImages } from './use-engine.ts';

/** A cell of a grid. */
export interface CellPosition {
  readonly row: number;
  readonly column: number;
}

interface Props {
  /** The model that decoded the images. */
  readonly name: string;
  readonly rows: readonly RowImages[];
  /** Names and indices of the columns' classes. */
  readonly columns: readonly { readonly name: string; readonly index: number }[];
  readonly shape: Shape;
  /** The cell under the pointer: its row and column are highlighted in all grids. */
  readonly marked: Signal<CellPosition | null>;
  /** The cell with the keyboard focus. */
  readonly focused: Signal<CellPosition>;
  /** Shows an image on the right; a grid without it is read-only. */
  readonly onSelect?: ((place: CellPosition) => void) | undefined;
}

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

const clamp = (place: number, count: number) => Math.min(count - 1, Math.max(0, place));

/** Images with a column for each class and a row for each latent. */
export function Grid({ name, rows, columns, shape, marked, focused, onSelect }: Props) {
  const table = useRef<HTMLTableElement>(null);
  const at = marked.value;
  const mark = (place: CellPosition | null) => {
    marked.value = place;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { row, column } = focused.value;
    const [down, right] = STEPS[event.key] ?? [0, 0];
    const ends: Readonly<Record<string, number>> = { Home: 0, End: columns.length - 1 };
    if (!(event.key in STEPS || event.key in ends)) return;
    const next = {
      row: clamp(row + down, rows.length),
      column: ends[event.key] ?? clamp(column + right, columns.length),
    };
    event.preventDefault();
    focused.value = next;
    table.current?.querySelector<HTMLElement>(`[data-row="${next.row}"][data-column="${next.column}"]`)?.focus();
  };
  const cell = (row: number, column: number) => {
    // Until the new columns are decoded, these are the images of the previous ones.
    const images = rows[row]?.length === columns.length ? rows[row] : null;
    const label = `class ${columns[column]?.name}, latent ${rowName(row)}`;
    const image = <PixelImage pixels={images?.[column] ?? null} shape={shape} label={label} />;
    const near = Number(at?.row === row) + Number(at?.column === column);
    const look = `cell ${near === 2 ? 'at' : at && near === 0 ? 'aside' : ''}`;
    const place = { 'data-row': row, 'data-column': column, onPointerEnter: () => mark({ row, column }) };
    if (!onSelect) {
      return (
        <td key={columns[column]?.index} class={look} {...place}>
          {image}
        </td>
      );
    }
    return (
      <td key={columns[column]?.index} class="cell-place">
        <Button
          class={look}
          aria-label={label}
          tabIndex={focused.value.row === row && focused.value.column === column ? 0 : -1}
          onFocus={() => {
            focused.value = { row, column };
            mark({ row, column });
          }}
          onBlur={() => mark(null)}
          onKeyDown={onKeyDown}
          onClick={() => onSelect({ row, column })}
          {...place}
        >
          {image}
        </Button>
      </td>
    );
  };
  return (
    <table
      ref={table}
      class="grid"
      data-grid={name}
      style={{ '--columns': String(columns.length), '--image': `${shape.width}px` }}
      aria-label={`Decoded by ${name}: a column for each class, a row for each latent`}
      {...(onSelect && { role: 'grid' as const })}
      onPointerLeave={() => mark(null)}
    >
      <thead>
        <tr>
          <th scope="col">
            <span class="visually-hidden">Latent</span>
          </th>
          {columns.map(({ name, index }, column) => (
            <th
              key={index}
              scope="col"
              class={at?.column === column ? 'ellipsis grid-head marked' : 'ellipsis grid-head'}
              style={{ '--class': colourOfClass(index) }}
            >
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((_, row) => (
          <tr key={row}>
            <th scope="row" class={at?.row === row ? 'grid-side marked' : 'grid-side'}>
              {rowName(row)}
            </th>
            {columns.map((_, column) => cell(row, column))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
