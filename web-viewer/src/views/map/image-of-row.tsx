import { useMemo } from 'preact/hooks';
import { errorUnits } from '../../../../pipeline/artifacts/fields.ts';
import { model } from '../../state/store.ts';
import { short } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { colourOnMap, pointClasses, points } from './map-state.ts';
import type { Point, Size } from './transform.ts';

/** The facts about a row: its id, class and error. */
export function factsOf(row: number) {
  const opened = model.value;
  const label = opened?.set?.label(row) ?? null;
  return {
    id: opened?.set?.id(row) ?? String(row),
    label,
    className: label === null ? null : (pointClasses.value[label] ?? null),
    error: points.value?.errors[row] ?? Number.NaN,
  };
}

/** The unit of errors. */
export const errorUnit = () => `${errorUnits[model.value?.card.model.error ?? 'mean squared error']} per pixel`;

/** Describes a row in words. */
export function describe(row: number): string {
  const { id, className, error } = factsOf(row);
  return `${className === null ? '' : `${className}, `}image ${id}, error ${short(error)}`;
}

/** The image of a row of the set; an empty one where the site has no images. */
export function ImageOfRow({ row, label }: { readonly row: number; readonly label: string }) {
  const opened = model.value;
  const pixels = useMemo(
    () => (opened?.set && row < opened.set.about.images ? opened.set.pixels(row) : null),
    [opened, row],
  );
  return (
    <PixelImage pixels={pixels} shape={opened?.card.image ?? { height: 1, width: 1, channels: 1 }} label={label} />
  );
}

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
