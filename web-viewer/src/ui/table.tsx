import type { ComponentChildren } from 'preact';
import { focusable } from './controls.tsx';
import './table.css';

/** A column of a table. */
export interface Column<Row> {
  readonly name: ComponentChildren;
  /** Words stand left; else there are numbers. */
  readonly look?: 'words' | undefined;
  readonly cell: (row: Row) => ComponentChildren;
}

interface Props<Row> {
  readonly name: string;
  readonly class?: string;
  /** The first column names the row. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string | number;
  readonly current?: (row: Row) => boolean;
}

/** A table that scrolls where it is wider than the page, also by keyboard. */
export function Table<Row>({ name, class: className = '', columns, rows, keyOf, current }: Props<Row>) {
  return (
    <section class="scroll" aria-label={name} {...focusable}>
      <table class={`numbers ${className}`}>
        <thead>
          <tr>
            {columns.map((column, i) => (
              <th key={i} scope="col" class={column.look}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} data-row={keyOf(row)} aria-current={current?.(row) ? 'true' : undefined}>
              {columns.map((column, i) =>
                i === 0 ? (
                  <th key={i} scope="row">
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={i} class={column.look}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
