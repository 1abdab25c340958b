import { colourMap, colourMaps, imageShape, input, model } from '../../state/store.ts';
import { asOptions, Button, Check, Radios, Range, Select, setter } from '../../ui/controls.tsx';
import { FileButton } from '../../ui/file-button.tsx';
import { dataName } from '../../ui/format.ts';
import { savePng } from '../../ui/png.ts';
import { cssOf } from '../../ui/rgb.ts';
import { sheet } from '../../ui/sheet.ts';
import type { Drawing } from './drawing.ts';
import type { PictureOpener } from './open-picture.ts';

interface Props {
  readonly drawing: Drawing;
}

const TOOLS = [
  ['pen', 'Pen'],
  ['eraser', 'Eraser'],
] as const;

/** Drawing tools and actions. */
export function Tools({ drawing: { brush, tool, frame, canUndo, undo, clear } }: Props) {
  const thickest = Math.max(4, frame.value.shape.width / 6);
  return (
    <div class="input-tools row">
      <Radios
        class="segments"
        legend="Drawing tool"
        name="input-tool"
        value={tool.value}
        options={TOOLS}
        onChoose={setter(tool)}
      />
      <Range
        class="input-brush"
        aria-label="Brush size"
        aria-valuetext={`${brush.value} pixels`}
        title={`Brush: ${brush.value} image pixels wide`}
        min={1}
        max={thickest}
        step={0.2}
        value={brush.value}
        onChoose={setter(brush)}
      />
      <Button
        class="button input-button"
        disabled={!canUndo.value}
        onClick={({ currentTarget }) => {
          undo();
          if (!canUndo.value) (currentTarget.nextElementSibling as HTMLElement | null)?.focus();
        }}
      >
        Undo
      </Button>
      <Button class="button input-button" onClick={clear}>
        Clear
      </Button>
    </div>
  );
}

const COLOURS = [
  ['black', 0, 0, 0],
  ['gray', 128, 128, 128],
  ['white', 255, 255, 255],
  ['red', 200, 40, 40],
  ['orange', 240, 150, 40],
  ['yellow', 245, 225, 80],
  ['green', 60, 140, 60],
  ['blue', 50, 100, 200],
  ['brown', 120, 80, 45],
] as const;

/** Pen colours, for models of colour images. */
export function Colours({ drawing: { chosenColour, colour, frame, tool } }: Props) {
  if (frame.value.shape.channels === 1) return null;
  return (
    <fieldset class="row spread swatches">
      <legend class="visually-hidden">Pen colour</legend>
      {COLOURS.map(([name, ...rgb]) => (
        <label key={name} title={name}>
          <input
            type="radio"
            name="input-colour"
            aria-label={name}
            checked={rgb.every((value, c) => value === colour.value[c])}
            onChange={() => {
              chosenColour.value = rgb;
              tool.value = 'pen';
            }}
          />
          <span class="swatch" style={{ background: cssOf(rgb) }} />
        </label>
      ))}
    </fieldset>
  );
}

/** Whether drawings are centred, for sets whose images are. */
export function Centring({ drawing: { centring, frame, setCentring } }: Props) {
  const { conventions, shape } = frame.value;
  const { card, loading = !card } = model.value ?? {};
  if (!conventions.centred) {
    // As tall while it is not known whether the images are.
    return loading && shape.channels === 1 ? <div class="input-tick">{'\u00a0'}</div> : null;
  }
  const set = dataName(card?.dataset.name ?? '');
  return (
    <Check
      class="input-tick"
      title="Scales the drawing to 20 of 28 pixels and centres it by its centre of mass"
      checked={centring.value}
      onChoose={setCentring}
    >
      Centre like {set === 'MNIST' ? set : 'the images of the set'}
    </Check>
  );
}

/** Opens a picture, and saves the input image. */
export function Files({ opener }: { readonly opener: PictureOpener }) {
  return (
    <>
      <FileButton name="Open…" accept="image/*" onFiles={([chosen = null]) => void opener.open(chosen)} />
      <Button
        class="button input-button"
        disabled={!input.value}
        title="Saves the model’s exact input as a PNG file"
        onClick={saveInput}
      >
        Save
      </Button>
    </>
  );
}

function saveInput(): void {
  if (input.value) void savePng(sheet([input.value.pixels], 1, imageShape.value), 'input.png');
}

/** Says whether a file's picture was inverted. */
export function AboutFile({ drawing: { frame, shownFile } }: Props) {
  if (!shownFile.value?.inverted) return null;
  const dark = (frame.value.conventions.background[0] ?? 0) < 128;
  return (
    <p class="say">
      Light and dark were swapped: the model was trained on {dark ? 'light ink on dark' : 'dark ink on light'}.
    </p>
  );
}

/** How images of one channel are displayed. */
export function ColourMap() {
  if (model.value?.card.image.channels !== 1) return null;
  return (
    <label class="row spread">
      <span class="quiet">Colour map</span>
      <Select value={colourMap.value} options={asOptions(colourMaps)} onChoose={setter(colourMap)} />
    </label>
  );
}
