import { useEffect, useMemo } from 'preact/hooks';
import { errorUnits } from '../../../../pipeline/artifacts/fields.ts';
import { model, report } from '../../state/store.ts';
import { exact, short } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { ERROR_SCALE } from '../../ui/pixels.ts';
import { cssOf } from '../../ui/rgb.ts';
import { type MapState, useMap } from './create-map.ts';
import type { Point, Size } from './transform.ts';

const idOf = (row: number): string => model.value?.set?.id(row) ?? String(row);
const errorKind = () => model.value?.card.model.error ?? 'mean squared error';
/** The unit of errors. */
export const errorUnit = () => `${errorUnits[errorKind()]} per pixel`;

/** The value of a column for a row, as a text; null where there is none. */
function textOf(
  { kind, categories, values }: MapState['table']['columns']['value'][number],
  row: number,
): string | null {
  const value = values?.[row] ?? Number.NaN;
  if (kind === 'category') return categories[value] ?? null;
  return Number.isFinite(value) ? exact(value) : null;
}

/** Describes a row in words: its class, its id and its error. */
export function describe({ table, points }: MapState, row: number): string {
  const column = table.columns.value.find(({ name }) => name === 'class');
  const name = column ? textOf(column, row) : null;
  const error = points.value?.errors[row] ?? Number.NaN;
  return `${name === null ? '' : `${name}, `}image ${idOf(row)}, error ${short(error)}`;
}

interface ImageProps {
  readonly row: number;
  readonly label: string;
  /** Shows the error of each pixel instead. */
  readonly errors?: boolean;
}

/** The image of a row of the set; an empty one where the site has no images. */
export function ImageOfRow({ row, label, errors = false }: ImageProps) {
  const { errorMaps } = useMap();
  const opened = model.value;
  const set = opened?.set && row < opened.set.about.images ? opened.set : null;
  const isThere = set?.has(row);
  const pixels = useMemo(() => (isThere && set ? set.pixels(row) : null), [set, row, isThere]);
  useEffect(() => {
    if (isThere === false) set?.ready([row]).catch(report);
  }, [set, row, isThere]);
  const shape = opened?.card.image ?? { height: 1, width: 1, channels: 1 };
  return errors ? (
    <PixelImage
      pixels={errorMaps.of(row)}
      shape={shape}
      label={`Errors of ${label}`}
      errorScale={ERROR_SCALE[errorKind()]}
    />
  ) : (
    <PixelImage pixels={pixels} shape={shape} label={label} />
  );
}

const SIDE = { width: 168, height: 236 } as const;
const GAP = 16;

interface Props {
  readonly row: number;
  readonly at: Point;
  readonly size: Size;
}

/** The image under the pointer and its values, next to its point. */
export function ToolTip({ row, at: [x, y], size }: Props) {
  const { column, colourOf, points, table } = useMap();
  const left = x + GAP + SIDE.width > size.width ? x - GAP - SIDE.width : x + GAP;
  const top = Math.max(4, Math.min(size.height - SIDE.height - 4, y - SIDE.height / 2));
  const id = idOf(row);
  const error = points.value?.errors[row] ?? Number.NaN;
  const ofClass = table.columns.value.find(({ name }) => name === 'class');
  const shown = column.value;
  const named = ofClass && textOf(ofClass, row);
  return (
    <div class="map-tip" style={{ left: `${Math.max(4, left)}px`, top: `${top}px` }} data-row={row}>
      <ImageOfRow row={row} label={`Image ${id}`} />
      <p>
        {named && (
          <strong style={{ '--class': cssOf(colourOf(ofClass.values?.[row] ?? -1, ofClass)) }} class="map-tip-class">
            {named}
          </strong>
        )}
        <span class="quiet ellipsis">{id === String(row) ? `image ${id}` : id}</span>
      </p>
      {shown && shown.name !== 'class' && shown.name !== 'error' && (
        <p>
          {shown.name}: {textOf(shown, row) ?? 'none'}
        </p>
      )}
      <p class="quiet">
        error {short(error)} <span class="unit">{errorUnit()}</span>
      </p>
    </div>
  );
}
