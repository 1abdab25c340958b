import { showRow } from '../../state/explore.ts';
import { model, selectedRow } from '../../state/store.ts';
import { short } from '../../ui/format.ts';
import { Hint } from '../../ui/hint.tsx';
import { describe, ImageOfRow } from './image-of-row.tsx';
import { hovered, neighbours, points } from './map-state.ts';
import { Marks } from './marks.tsx';

/** The images whose latents are nearest to the selected image's. */
export function Neighbours() {
  if (!points.value || !model.value?.set) return null;
  const size = model.value.card.latent.size;
  const whose = selectedRow.value === null ? 'your image' : 'the selected image';
  return (
    <div class="map-near">
      <h3>
        Nearest latents&nbsp;
        <Hint
          about="nearest latents"
          text={`The images whose latents are closest to that of ${whose}, over all ${size} dimensions, nearest first; hidden classes are left out. The number below is the distance between the two latents. Lines on the map lead to them.`}
        />
      </h3>
      <ol>
        {neighbours.value.map(({ row, distance }) => (
          <li key={row}>
            <button
              type="button"
              title={describe(row)}
              data-row={row}
              onClick={() => showRow(row)}
              onFocus={() => point(row)}
              onBlur={() => point(null)}
              onPointerEnter={() => point(row)}
              onPointerLeave={() => point(null)}
            >
              <ImageOfRow row={row} label={describe(row)} />
            </button>
            <span class="quiet">{short(distance, 2)}</span>
          </li>
        ))}
      </ol>
      <Marks />
    </div>
  );
}

/** Highlights a row on the map. */
function point(row: number | null): void {
  hovered.value = row === null ? null : { row, at: null };
}
