import { zoomStep } from './actions.ts';
import type { Camera } from './camera.ts';
import { chosenTool, isPlane, points, showPlane, type Tool, tool } from './map-state.ts';

const tools: Readonly<Record<Tool, readonly [name: string, what: string]>> = {
  decode: ['Decode', 'Drag to decode the position under the pointer; the right button or the space bar moves the map'],
  move: ['Move', 'Drag to move the map'],
  lasso: ['Lasso', 'Draw around points to select their images; Shift-drag does the same'],
};

/** Selects what dragging does and what the map shows. */
export function ToolBar({ selectView }: { readonly selectView: () => void }) {
  if (!points.value) return null;
  const names = (Object.keys(tools) as Tool[]).filter((name) => name !== 'decode' || isPlane.value);
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
      <button type="button" class="map-button" title="Select the images of all points in view" onClick={selectView}>
        Select view
      </button>
      {isPlane.value && (
        <label class="map-check">
          <input
            type="checkbox"
            checked={showPlane.value}
            onChange={(event) => {
              showPlane.value = event.currentTarget.checked;
            }}
          />
          <span>Decoded plane</span>
        </label>
      )}
    </div>
  );
}

/** Zoom buttons. */
export function ZoomBar({ camera }: { readonly camera: Camera }) {
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
