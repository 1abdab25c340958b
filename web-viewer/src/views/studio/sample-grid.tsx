import { useRef, useState } from 'preact/hooks';
import { showLatent } from '../../state/explore.ts';
import { engine, label, type OpenModel, seed } from '../../state/store.ts';
import { colourOfClass } from '../../ui/class-colours.ts';
import { Button } from '../../ui/controls.tsx';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { savePng } from '../../ui/png.ts';
import { sheet } from '../../ui/sheet.ts';
import { GRID } from './latents.ts';
import { RandomTools, useRandomLatents } from './random-latents.tsx';
import { useDecodedGrid } from './use-decoded-grid.ts';

interface Props {
  readonly opened: OpenModel;
  /** Indices of the columns' classes. */
  readonly columns: readonly number[];
}

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  Home: [0, -GRID],
  End: [0, GRID],
};

const clamp = (place: number, count: number) => Math.min(count - 1, Math.max(0, place));
/** The name of a row: A, B, … */
const rowName = (row: number): string => String.fromCharCode(65 + row);

/** Random latents decoded with each class: a row for each latent, a column for each class. */
export function SampleGrid({ opened: { card, name }, columns }: Props) {
  const size = card.latent.size;
  const table = useRef<HTMLTableElement>(null);
  /** The cell that the keyboard reaches. */
  const [focused, setFocused] = useState({ row: 0, column: 0 });
  const latents = useRandomLatents(card, GRID);
  const rows = useDecodedGrid(engine.value, latents, GRID, columns);
  const nameOf = (index: number) => card.classes?.[index] ?? String(index);
  const take = (row: number, column: number) => {
    label.value = columns[column] ?? 0;
    showLatent(latents.slice(row * size, (row + 1) * size), 'studio');
  };
  const move = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const [row, column] = [clamp(focused.row + step[0], GRID), clamp(focused.column + step[1], columns.length)];
    table.current?.querySelector<HTMLElement>(`[data-row="${row}"][data-column="${column}"]`)?.focus();
  };
  const download = () => {
    const shown = rows.flatMap((row) => row ?? []);
    if (shown.length < GRID * columns.length) return; // still being decoded
    void savePng(sheet(shown, columns.length, card.image, PNG), `${name}-samples-${seed.value}.png`);
  };
  return (
    <>
      <div class="row grid-tools">
        <RandomTools />
      </div>
      <table
        ref={table}
        class="grid"
        {...GRID_ROLE}
        style={{ '--columns': String(columns.length), '--image': `${card.image.width}px` }}
        aria-label="A column for each class, a row for each latent"
        onKeyDown={move}
      >
        <thead>
          <tr>
            <th scope="col">
              <span class="visually-hidden">Latent</span>
            </th>
            {columns.map((index) => (
              <th key={index} scope="col" class="ellipsis of-class" style={{ '--class': colourOfClass(index) }}>
                {nameOf(index)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((images, row) => (
            <tr key={row}>
              <th scope="row" class="grid-side">
                {rowName(row)}
              </th>
              {columns.map((index, column) => (
                <td key={index}>
                  <Button
                    class="tile"
                    aria-label={`class ${nameOf(index)}, latent ${rowName(row)}`}
                    tabIndex={focused.row === row && focused.column === column ? 0 : -1}
                    data-row={row}
                    data-column={column}
                    onFocus={() => setFocused({ row, column })}
                    onClick={() => take(row, column)}
                  >
                    {/* Until the new columns are decoded, these are the images of the previous ones. */}
                    <PixelImage
                      pixels={images?.length === columns.length ? (images[column] ?? null) : null}
                      shape={card.image}
                      label={`class ${nameOf(index)}`}
                    />
                  </Button>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <div>
        <Button onClick={download}>Download PNG</Button>
      </div>
    </>
  );
}

/** Arrow keys move between its cells. */
const GRID_ROLE = { role: 'grid' } as const;
const PNG = { scale: 4, gap: 8, edge: 8 };
