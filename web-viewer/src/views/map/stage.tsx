import { useEffect, useRef, useState } from 'preact/hooks';
import { focusable } from '../../ui/controls.tsx';
import { pointerActions, pressKey } from './actions.ts';
import { Camera } from './camera.ts';
import { useMap } from './create-map.ts';
import { listenToPointers } from './gestures.ts';
import { Groups } from './groups.tsx';
import { describe, ToolTip } from './image-of-row.tsx';
import { Scene } from './scene.ts';
import { SelectedImages } from './selected-images.tsx';
import { ToolBar, ZoomBar } from './tool-bar.tsx';

/** The map's canvases and the elements that float above them. */
export function Stage({ active }: { readonly active: boolean }) {
  const map = useMap();
  const { aiming, clearSelection, hovered, isPlane, selected, selection, tool } = map;
  const stage = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLDivElement>(null);
  const marks = useRef<HTMLCanvasElement>(null);
  const [parts, setParts] = useState<{ readonly scene: Scene; readonly camera: Camera } | null>(null);
  const [grouping, setGrouping] = useState(false);

  useEffect(() => {
    if (!stage.current || !base.current || !marks.current) return undefined;
    const [element, ...canvases] = [stage.current, base.current, marks.current] as const;
    let end: () => void = () => undefined;
    // WebGL takes a while to start: in a task of its own the page stays responsive.
    const starting = setTimeout(() => {
      const camera = new Camera();
      const scene = new Scene(map, element, ...canvases, camera);
      const endPointers = listenToPointers(element, pointerActions(map, scene, camera));
      setParts({ scene, camera });
      end = () => {
        endPointers();
        scene.end();
        camera.end();
      };
    });
    return () => {
      clearTimeout(starting);
      end();
    };
  }, [map]);
  useEffect(() => parts?.scene.setActive(active), [parts, active]);

  /** Closes a panel above the map, to which the focus goes. */
  const closing = (close: () => void) => () => {
    close();
    stage.current?.focus();
  };
  const endAim = () => {
    aiming.value = false;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== stage.current || !parts) return;
    if (pressKey(event, map, parts.scene, parts.camera)) event.preventDefault();
  };
  return (
    <div class="map-frame">
      <div
        ref={stage}
        class="map-stage"
        role="application"
        aria-roledescription="map"
        aria-label="Map of the images"
        aria-describedby="map-keys"
        {...focusable}
        data-tool={tool.value}
        onKeyDown={onKeyDown}
        onPointerDown={endAim}
        onBlur={endAim}
      >
        <div ref={base} class="map-base" />
        <canvas ref={marks} class="map-marks" />
        {active && hovered.value?.at && parts && (
          <ToolTip row={hovered.value.row} at={hovered.value.at} size={parts.camera.size} />
        )}
      </div>
      <p class="visually-hidden" role="status">
        {active && aiming.value && hovered.value && describe(map, hovered.value.row)}
      </p>
      <p id="map-keys" class="visually-hidden">
        Arrow keys move the map, plus and minus zoom, zero shows everything, Enter selects the point in the middle
        {isPlane.value && ', Shift with arrow keys moves the decoded latent'}.
      </p>
      {parts && <ToolBar camera={parts.camera} grouping={grouping} setGrouping={setGrouping} />}
      {parts && <ZoomBar camera={parts.camera} />}
      {active && parts && selection.value && selected.value && (
        <SelectedImages
          rows={selected.value}
          selection={selection.value}
          camera={parts.camera}
          close={closing(clearSelection)}
        />
      )}
      {active && grouping && !selection.value && <Groups close={closing(() => setGrouping(false))} />}
    </div>
  );
}
