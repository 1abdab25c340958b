import { short } from '../../ui/format.ts';
import { errorUnit, factsOf, ImageOfRow } from './image-of-row.tsx';
import { colourOnMap } from './map-state.ts';
import type { Point, Size } from './transform.ts';

const SIDE = { width: 168, height: 214 } as const;
const GAP = 16;

interface Props {
  readonly row: number;
  readonly at: Point;
  readonly size: Size;
}

/** The image under the pointer with its facts, next to its point. */
export function ToolTip({ row, at: [x, y], size }: Props) {
  const { id, label, className, error } = factsOf(row);
  const left = x + GAP + SIDE.width > size.width ? x - GAP - SIDE.width : x + GAP;
  const top = Math.max(4, Math.min(size.height - SIDE.height - 4, y - SIDE.height / 2));
  return (
    <div class="map-tip" style={{ left: `${Math.max(4, left)}px`, top: `${top}px` }} data-row={row}>
      <ImageOfRow row={row} label={`Image ${id}`} />
      <p>
        {className !== null && (
          <strong style={{ '--class': `rgb(${colourOnMap(label).join(' ')})` }} class="map-tip-class">
            {className}
          </strong>
        )}
        <span class="quiet map-tip-id">{id === String(row) ? `image ${id}` : id}</span>
      </p>
      <p class="quiet">
        error {short(error)} <span class="unit">{errorUnit()}</span>
      </p>
    </div>
  );
}
