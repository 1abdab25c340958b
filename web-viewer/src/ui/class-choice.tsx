import { colourOfClass } from './class-colours.ts';

interface Props {
  readonly classes: readonly string[];
  readonly chosen: number;
  readonly name: string;
  readonly onChoose: (index: number) => void;
}

/** Radio buttons for the classes, in their colours. */
export function ClassChoice({ classes, chosen, name, onChoose }: Props) {
  return (
    <fieldset class="classes">
      <legend>{name}</legend>
      {classes.map((text, index) => (
        <label key={text} class="class" style={{ '--class': colourOfClass(index) }}>
          <input type="radio" name={name} checked={index === chosen} onChange={() => onChoose(index)} />
          <span>{text}</span>
        </label>
      ))}
    </fieldset>
  );
}
