import { Hint } from './hint.tsx';

interface Props {
  readonly name: string;
  readonly value: string;
  readonly unit?: string | undefined;
  readonly hint: string;
}

/** A number with its name, its unit and what it means: a row of a `<dl class="figures">`. */
export function Figure({ name, value, unit, hint }: Props) {
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
