import { colourMap, colourMaps, input, model } from '../../state/store.ts';
import { FileButton } from '../../ui/file-button.tsx';
import { dataName } from '../../ui/format.ts';
import { type Shape, toImageData } from '../../ui/pixels.ts';
import { save } from '../../ui/save.ts';
import type { Drawing } from './drawing.ts';
import type { PictureOpener } from './open-picture.ts';

interface Props {
  readonly drawing: Drawing;
}

/** Drawing tools and actions. */
export function Tools({ drawing: { brush, tool, frame, canUndo, undo, clear } }: Props) {
  const thickest = Math.max(4, frame.value.shape.width / 6);
  return (
    <div class="input-tools row">
      <fieldset class="segments">
        <legend class="visually-hidden">Drawing tool</legend>
        {(['pen', 'eraser'] as const).map((name) => (
          <label key={name}>
            <input
              type="radio"
              name="input-tool"
              checked={tool.value === name}
              onChange={() => {
                tool.value = name;
              }}
            />
            <span class="segment">{name === 'pen' ? 'Pen' : 'Eraser'}</span>
          </label>
        ))}
      </fieldset>
      <input
        type="range"
        class="input-brush"
        aria-label="Brush size"
        aria-valuetext={`${brush.value} pixels`}
        title={`Brush: ${brush.value} image pixels wide`}
        min={1}
        max={thickest}
        step={0.2}
        value={brush.value}
        onInput={(event) => {
          brush.value = event.currentTarget.valueAsNumber;
        }}
      />
      <button type="button" class="button input-button" disabled={!canUndo.value} onClick={() => undo()}>
        Undo
      </button>
      <button type="button" class="button input-button" onClick={() => clear()}>
        Clear
      </button>
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
export function Colours({ drawing: { colour, frame, tool } }: Props) {
  if (frame.value.shape.channels === 1) return null;
  return (
    <fieldset class="swatches">
      <legend class="visually-hidden">Pen colour</legend>
      {COLOURS.map(([name, ...rgb]) => (
        <label key={name} title={name}>
          <input
            type="radio"
            name="input-colour"
            aria-label={name}
            checked={rgb.every((value, c) => value === colour.value[c])}
            onChange={() => {
              colour.value = rgb;
              tool.value = 'pen';
            }}
          />
          <span class="swatch" style={{ background: `rgb(${rgb.join(' ')})` }} />
        </label>
      ))}
    </fieldset>
  );
}

/** Whether drawings are centred, for sets whose images are. */
export function Centring({ drawing: { centring, frame, setCentring } }: Props) {
  if (!frame.value.conventions.centred) return null;
  const set = dataName(model.value?.card.dataset.name ?? '');
  return (
    <label class="input-tick" title="Scales the drawing to 20 of 28 pixels and centres it by its centre of mass">
      <input type="checkbox" checked={centring.value} onChange={(event) => setCentring(event.currentTarget.checked)} />{' '}
      Centre like {set === 'mnist' ? 'MNIST' : 'the test images'}
    </label>
  );
}

/** Opens a picture, and saves the input image. */
export function Files({ drawing, opener }: Props & { readonly opener: PictureOpener }) {
  return (
    <>
      <FileButton
        name="Open…"
        accept="image/*"
        onFiles={([chosen]) => chosen && void opener.open(chosen.file, chosen.path)}
      />
      <button
        type="button"
        class="button input-button"
        disabled={!input.value}
        title="Saves the model’s exact input as a PNG file"
        onClick={() => void saveInput(drawing.frame.value.shape)}
      >
        Save
      </button>
    </>
  );
}

async function saveInput(size: Shape): Promise<void> {
  const image = input.value;
  if (!image) return;
  const canvas = new OffscreenCanvas(size.width, size.height);
  canvas.getContext('2d')?.putImageData(toImageData(image.pixels, size), 0, 0);
  save(await canvas.convertToBlob({ type: 'image/png' }), 'input.png');
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
    <label class="row colour-map">
      <span class="quiet">Colour map</span>
      <select
        value={colourMap.value}
        onChange={({ currentTarget: { value } }) => {
          colourMap.value = colourMaps.find((name) => name === value) ?? 'gray';
        }}
      >
        {colourMaps.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
