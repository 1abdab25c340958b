import { useId } from 'preact/hooks';
import { lassoView, zoomStep } from './actions.ts';
import type { Camera } from './camera.ts';
import { type Thumbnails, type Tool, useMap } from './create-map.ts';

const tools: Readonly<Record<Tool, readonly [name: string, what: string]>> = {
  decode: ['Decode', 'Drag to decode the position under the pointer; the right button or the space bar moves the map'],
  move: ['Move', 'Drag to move the map'],
  lasso: ['Lasso', 'Draw around points to select their images; Shift-drag does the same'],
};

interface Props {
  readonly camera: Camera;
  readonly grouping: boolean;
  readonly setGrouping: (shown: boolean) => void;
}

/** Selects what dragging does and what the map shows. */
export function ToolBar({ camera, grouping, setGrouping }: Props) {
  const map = useMap();
  const { chosenTool, column, isPlane, points, selection, tool } = map;
  const id = useId();
  if (!points.value) return null;
  const names = (Object.keys(tools) as Tool[]).filter((name) => name !== 'decode' || isPlane.value);
  const highest = column.value?.kind === 'number' ? column.value.name : 'error';
  return (
    <div class="map-tools">
      <fieldset class="map-choice">
        <legend class="visually-hidden">What dragging on the map does</legend>
        {names.map((name) => (
          <label key={name} title={tools[name][1]}>
            <input
              type="radio"
              name="map-tool"
              checked={tool.value === name}
              onChange={() => {
                chosenTool.value = name;
              }}
            />
            <span>{tools[name][0]}</span>
          </label>
        ))}
      </fieldset>
      <Search />
      <button type="button" class="map-button" popovertarget={id}>
        More
      </button>
      <div id={id} popover="auto" class="map-more">
        <button type="button" title="Select the images of all points in view" onClick={() => lassoView(map, camera)}>
          Select view
        </button>
        <button
          type="button"
          title={`The images with the largest ${highest}`}
          onClick={() => {
            selection.value = { kind: 'highest', column: highest };
          }}
        >
          Highest {highest}
        </button>
        {column.value?.kind === 'category' && (
          <button type="button" aria-pressed={grouping} onClick={() => setGrouping(!grouping)}>
            Rename and merge…
          </button>
        )}
        <ImageSettings />
        <label title="CSV or Parquet with a column “id”; it can also be dropped on the map">
          Colour by a table…
          <input
            type="file"
            accept=".csv,.tsv,.parquet"
            onChange={({ currentTarget }) => {
              const [file] = currentTarget.files ?? [];
              if (file) void map.addTable(file);
              currentTarget.value = '';
            }}
          />
        </label>
      </div>
    </div>
  );
}

/** Finds images by id, class or number. */
function Search() {
  const { selection } = useMap();
  const shown = selection.value?.kind === 'search' ? selection.value.text : '';
  return (
    <search>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const text = String(new FormData(event.currentTarget).get('text') ?? '').trim();
          selection.value = text === '' ? null : { kind: 'search', text };
        }}
      >
        <input
          type="search"
          name="text"
          key={shown}
          defaultValue={shown}
          aria-label="Find images"
          placeholder="Find id, class, #number"
          title="An id or a part of it, a class, #12 for the image of that number, or a column and its value, such as cluster:3"
        />
      </form>
    </search>
  );
}

const CHOICES: Readonly<Record<Thumbnails['shown'], string>> = {
  zoom: 'when zoomed in',
  always: 'always',
  off: 'never',
};

/** When images are drawn for points, and how large; and the decoded plane. */
function ImageSettings() {
  const { isPlane, showPlane, thumbnails } = useMap();
  const { shown, side } = thumbnails.value;
  return (
    <>
      <label>
        Images{' '}
        <select
          value={shown}
          onChange={({ currentTarget: { value } }) => {
            thumbnails.value = { shown: value as Thumbnails['shown'], side };
          }}
        >
          {Object.entries(CHOICES).map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label>
        Size{' '}
        <input
          type="range"
          min={12}
          max={96}
          value={side}
          disabled={shown === 'off'}
          onInput={({ currentTarget: { value } }) => {
            thumbnails.value = { shown, side: Number(value) };
          }}
        />
      </label>
      {isPlane.value && (
        <label>
          <input
            type="checkbox"
            checked={showPlane.value}
            onChange={({ currentTarget: { checked } }) => {
              showPlane.value = checked;
            }}
          />
          Decoded plane
        </label>
      )}
    </>
  );
}

/** Zoom buttons. */
export function ZoomBar({ camera }: { readonly camera: Camera }) {
  const { points } = useMap();
  if (!points.value) return null;
  const buttons = [
    ['Zoom in', 'M3 8h10M8 3v10', () => zoomStep(camera, 1)],
    ['Zoom out', 'M3 8h10', () => zoomStep(camera, -1)],
    ['Show everything', 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10', () => camera.reset()],
  ] as const;
  return (
    <div class="map-zoom">
      {buttons.map(([name, path, press]) => (
        <button key={name} type="button" aria-label={name} title={name} onClick={press}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d={path} />
          </svg>
        </button>
      ))}
    </div>
  );
}
