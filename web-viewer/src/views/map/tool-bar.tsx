import { useId } from 'preact/hooks';
import { Button, Check, Radios, Range, Select, setter } from '../../ui/controls.tsx';
import { FileButton } from '../../ui/file-button.tsx';
import { lassoView, zoomStep } from './actions.ts';
import type { Camera } from './camera.ts';
import { type Tool, useMap } from './create-map.ts';

const TOOLS: readonly (readonly [Tool, name: string, what: string])[] = [
  [
    'decode',
    'Decode',
    'Drag to decode the position under the pointer; the right button or the space bar moves the map',
  ],
  ['move', 'Move', 'Drag to move the map'],
  ['lasso', 'Lasso', 'Draw around points to select their images; Shift-drag does the same'],
];

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
  const highest = column.value?.kind === 'number' ? column.value.name : 'error';
  return (
    <div class="row map-tools">
      <Radios
        class="segments"
        legend="What dragging on the map does"
        name="map-tool"
        value={tool.value}
        options={TOOLS.filter(([name]) => name !== 'decode' || isPlane.value)}
        onChoose={setter(chosenTool)}
      />
      <Search />
      <Button class="button small" popovertarget={id}>
        More
      </Button>
      <div id={id} popover="auto" class="map-more">
        <Button class="" title="Select the images of all points in view" onClick={() => lassoView(map, camera)}>
          Select view
        </Button>
        <Button
          class=""
          title={`The images with the largest ${highest}`}
          onClick={() => setter(selection)({ kind: 'highest', column: highest })}
        >
          Highest {highest}
        </Button>
        {column.value?.kind === 'category' && (
          <Button class="" aria-pressed={grouping} onClick={() => setGrouping(!grouping)}>
            Rename and merge…
          </Button>
        )}
        <ImageSettings />
        <FileButton
          name="Colour by a table…"
          class=""
          title="CSV or Parquet with a column “id”; it can also be dropped on the map"
          accept=".csv,.tsv,.parquet"
          onFiles={([file]) => file && void map.addTable(file)}
        />
      </div>
    </div>
  );
}

/** Finds images by id, class or number. */
function Search() {
  const { clearSelection, selection } = useMap();
  const shown = selection.value?.kind === 'search' ? selection.value.text : '';
  return (
    <search>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const text = String(new FormData(event.currentTarget).get('text') ?? '').trim();
          if (text === '') clearSelection();
          else selection.value = { kind: 'search', text };
        }}
      >
        <input
          type="search"
          name="text"
          value={shown}
          aria-label="Find images"
          placeholder="Find class, id, #number"
          title="A class, an id or a part of it, #12 for the image of that number, or a column and its value, such as cluster:3"
        />
      </form>
    </search>
  );
}

const SHOWN = [
  ['zoom', 'when zoomed in'],
  ['always', 'always'],
  ['off', 'never'],
] as const;

/** When images are drawn for points, and how large; and the decoded plane. */
function ImageSettings() {
  const { isPlane, showPlane, thumbnails } = useMap();
  const { shown, side } = thumbnails.value;
  const set = setter(thumbnails);
  return (
    <>
      <label>
        Images <Select value={shown} options={SHOWN} onChoose={(shown) => set({ shown, side })} />
      </label>
      <label>
        Size{' '}
        <Range min={12} max={96} value={side} disabled={shown === 'off'} onChoose={(side) => set({ shown, side })} />
      </label>
      {isPlane.value && (
        <Check checked={showPlane.value} onChoose={setter(showPlane)}>
          Decoded plane
        </Check>
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
        <Button key={name} class="" aria-label={name} title={name} onClick={press}>
          <svg class="icon" viewBox="0 0 16 16" width="16" aria-hidden="true">
            <path d={path} />
          </svg>
        </Button>
      ))}
    </div>
  );
}
