import { useId } from 'preact/hooks';

interface Props {
  readonly name: string;
  readonly value: string;
  readonly unit?: string | undefined;
  readonly hint: string;
}

/** A number with its name, its unit and what it means: a row of a `<dl class="figures">`. */
function Figure({ name, value, unit, hint }: Props) {
  return (
    <div class="figure">
      <dt>
        {name}&nbsp;
        <Hint about={name} text={hint} />
      </dt>
      <dd>
        {value}
        {unit && <span class="unit"> {unit}</span>}
      </dd>
    </div>
  );
}

/** A figure in one line; null for one that is left out. */
export type FigureRow = readonly [name: string, value: string, hint: string, unit?: string] | null | false | undefined;

/** Figures below each other. */
export function Figures({ rows, class: look = '' }: { readonly rows: readonly FigureRow[]; readonly class?: string }) {
  return (
    <dl class={`figures ${look}`}>
      {rows.map((row) => row && <Figure key={row[0]} name={row[0]} value={row[1]} hint={row[2]} unit={row[3]} />)}
    </dl>
  );
}

/** A question mark that explains the item next to it. */
export function Hint({ about, text }: { readonly about: string; readonly text: string }) {
  const id = `hint-${useId()}`;
  return (
    <>
      <button type="button" class="hint" popovertarget={id} aria-label={`What is ${about}?`}>
        ?
      </button>
      <span id={id} popover="auto" class="hint-text" role="note">
        {text}
      </span>
    </>
  );
}
