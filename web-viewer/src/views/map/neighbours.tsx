import { showRow } from '../../state/explore.ts';
import { model, selectedRow } from '../../state/store.ts';
import { Button } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { short } from '../../ui/format.ts';
import { useMap } from './create-map.ts';
import { describe, ImageOfRow } from './image-of-row.tsx';

/** The images whose latents are nearest to the selected image's. */
export function Neighbours() {
  const map = useMap();
  const { hovered, neighbours, points, inputLatent, selection } = map;
  if (!points.value || !model.value?.set) return null;
  /** Highlights a row on the map. */
  const point = (row: number | null) => {
    hovered.value = row === null ? null : { row, at: null };
  };
  const selectLike = () => {
    const latent = inputLatent.value;
    if (latent) selection.value = { kind: 'like', to: selectedRow.value ?? [...latent] };
  };
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
            <Button
              class="tile"
              title={describe(map, row)}
              data-row={row}
              onClick={() => showRow(row)}
              onFocus={() => point(row)}
              onBlur={() => point(null)}
              onPointerEnter={() => point(row)}
              onPointerLeave={() => point(null)}
            >
              <ImageOfRow row={row} label={describe(map, row)} />
            </Button>
            <span class="quiet">{short(distance, 2)}</span>
          </li>
        ))}
      </ol>
      <Button class="text-button" disabled={!inputLatent.value} onClick={selectLike}>
        More like this
      </Button>
    </div>
  );
}
