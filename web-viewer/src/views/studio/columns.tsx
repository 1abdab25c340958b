import { GRID, toggleColumn } from './latents.ts';

interface Props {
  readonly classes: readonly string[];
  readonly columns: readonly number[];
  readonly onChoose: (columns: readonly number[]) => void;
}

/** Selects the shown classes where there are more classes than columns. */
export function ColumnChoice({ classes, columns, onChoose }: Props) {
  return (
    <details class="column-choice">
      <summary>
        {columns.length} of {classes.length} classes shown: choose up to {GRID}
      </summary>
      <fieldset class="classes">
        <legend class="visually-hidden">Shown classes</legend>
        {classes.map((name, index) => (
          <label key={name} class="column-option">
            <input
              type="checkbox"
              checked={columns.includes(index)}
              disabled={!columns.includes(index) && columns.length >= GRID}
              onChange={() => onChoose(toggleColumn(columns, index))}
            />{' '}
            {name}
          </label>
        ))}
      </fieldset>
    </details>
  );
}
