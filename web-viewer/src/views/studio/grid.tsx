import { type Signal, useComputed } from '@preact/signals';
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

/** Images with a column for each class and a row for each latent. */
export function Grid({ name, rows, columns, shape, marked, focused, onSelect }: Props) {
  const body = useRef<HTMLTableElement>(null);
  const keys = (event: KeyboardEvent) => {
    const { row, column } = focused.value;
    const [down, right] = STEPS[event.key] ?? [0, 0];
    const ends: Readonly<Record<string, number>> = { Home: 0, End: columns.length - 1 };
    const next = {
      row: Math.min(rows.length - 1, Math.max(0, row + down)),
      column: ends[event.key] ?? Math.min(columns.length - 1, Math.max(0, column + right)),
    };
    if (!(event.key in STEPS || event.key in ends)) return;
    event.preventDefault();
    focused.value = next;
    body.current?.querySelector<HTMLElement>(`[data-row="${next.row}"][data-column="${next.column}"]`)?.focus();
  };
  return (
    <table
      ref={body}
      class="grid"
      data-grid={name}
      style={{ '--columns': String(columns.length), '--image': `${shape.width}px` }}
      aria-label={`Decoded by ${name}: a column for each class, a row for each latent`}
      {...(onSelect && { role: 'grid' as const })}
      onPointerLeave={() => {
        marked.value = null;
      }}
    >
      <Heads {...{ columns, marked }} />
      <tbody>
        {rows.map((images, row) => (
          <Row key={row} {...{ images, row, columns, shape, marked, focused, onSelect }} onKeys={keys} />
        ))}
      </tbody>
    </table>
  );
}

function Heads({ columns, marked }: Pick<Props, 'columns' | 'marked'>) {
  return (
    <thead>
      <tr>
        <th scope="col">
          <span class="visually-hidden">Latent</span>
        </th>
        {columns.map(({ name, index }, column) => (
          <th
            key={index}
            scope="col"
            class={marked.value?.column === column ? 'grid-head marked' : 'grid-head'}
            style={{ '--class': colourOfClass(index) }}
          >
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface RowProps extends Omit<Props, 'rows' | 'name'> {
  readonly images: RowImages;
  readonly row: number;
  readonly onKeys: (event: KeyboardEvent) => void;
}

function Row({ images, row, columns, shape, marked, focused, onSelect, onKeys }: RowProps) {
  // Until the new columns are decoded, these are the images of the previous ones.
  const cells = images?.length === columns.length ? images : [];
  const isMarked = useComputed(() => marked.value?.row === row);
  return (
    <tr>
      <th scope="row" class={isMarked.value ? 'grid-side marked' : 'grid-side'}>
        {rowName(row)}
      </th>
      {columns.map(({ name, index }, column) => (
        <Cell
          key={index}
          {...{ shape, marked, focused, onSelect, onKeys, row, column, name }}
          pixels={cells[column] ?? null}
        />
      ))}
    </tr>
  );
}

interface CellProps extends Pick<RowProps, 'shape' | 'marked' | 'focused' | 'onSelect' | 'onKeys'>, CellPosition {
  readonly pixels: Float32Array | null;
  readonly name: string;
}

function Cell({ pixels, shape, marked, focused, onSelect, onKeys, row, column, name }: CellProps) {
  const look = useComputed(() => {
    const at = marked.value;
    if (!at) return '';
    if (at.row === row && at.column === column) return 'at';
    return at.row === row || at.column === column ? '' : 'aside';
  });
  const reachable = useComputed(() => focused.value.row === row && focused.value.column === column);
  const mark = () => {
    marked.value = { row, column };
  };
  const label = `class ${name}, latent ${rowName(row)}`;
  const place = { 'data-row': row, 'data-column': column, onPointerEnter: mark };
  const image = <PixelImage pixels={pixels} shape={shape} label={label} />;
  if (!onSelect) {
    return (
      <td class={`cell ${look.value}`} {...place}>
        {image}
      </td>
    );
  }
  return (
    <td class="cell-place">
      <Button
        class={`cell ${look.value}`}
        aria-label={label}
        tabIndex={reachable.value ? 0 : -1}
        onFocus={() => {
          focused.value = { row, column };
          mark();
        }}
        onBlur={() => {
          marked.value = null;
        }}
        onKeyDown={onKeys}
        onClick={() => onSelect({ row, column })}
        {...place}
      >
        {image}
      </Button>
    </td>
  );
}
