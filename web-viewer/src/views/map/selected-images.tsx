import { model } from '../../state/store.ts';
import { grouped } from '../../ui/format.ts';
import { save } from '../../ui/save.ts';
import { UNLABELLED } from './colours.ts';
import { csvOf } from './csv.ts';
import { ImageGrid } from './image-grid.tsx';
import { factsOf } from './image-of-row.tsx';
import { colourOnMap, lasso, pointClasses, pointLabels } from './map-state.ts';

/** The images inside the lasso: counts by class, thumbnails, and their ids for download. */
export function SelectedImages({ rows }: { readonly rows: Uint32Array }) {
  const title = `${grouped(rows.length)} ${rows.length === 1 ? 'image' : 'images'} selected`;
  const download = () => {
    const lines = Array.from(rows, (row) => {
      const { id, className, error } = factsOf(row);
      return { id, row, class: className ?? '', error };
    });
    save(new Blob([csvOf(lines)], { type: 'text/csv' }), `${model.value?.name ?? 'convae'}-selected.csv`);
  };
  return (
    <section class="map-chosen" aria-label="Selected images" data-own>
      <div class="map-chosen-head">
        <h3>{title}</h3>
        <span class="visually-hidden" role="status">
          {title}
        </span>
        <button
          type="button"
          class="map-link"
          onClick={() => {
            lasso.value = null;
          }}
        >
          Close
        </button>
      </div>
      <ClassShares rows={rows} />
      {rows.length > 0 ? (
        <ImageGrid rows={rows} />
      ) : (
        <p class="say">There are no points inside. Draw around some, or show more classes.</p>
      )}
      <button type="button" class="button" disabled={rows.length === 0} onClick={download}>
        Download ids (CSV)
      </button>
    </section>
  );
}

/** Distribution of the selected images over the classes. */
function ClassShares({ rows }: { readonly rows: Uint32Array }) {
  const names = pointClasses.value;
  const set = model.value?.set;
  if (!set?.labels || names.length === 0 || rows.length === 0) return null;
  const counts = new Map(pointLabels.value.map((index) => [index, 0]));
  for (const row of rows) {
    const index = set.label(row) ?? UNLABELLED;
    const count = counts.get(index);
    if (count !== undefined) counts.set(index, count + 1);
  }
  const found = [...counts].map(([index, count]) => ({ count, index })).filter(({ count }) => count > 0);
  const most = found.toSorted((a, b) => b.count - a.count).slice(0, 3);
  return (
    <div class="map-shares">
      <div class="map-shares-bar" aria-hidden="true">
        {found.map(({ count, index }) => (
          <span key={index} style={{ flexGrow: count, background: `rgb(${colourOnMap(index).join(' ')})` }} />
        ))}
      </div>
      <p class="say">
        {most.map(({ count, index }) => `${names[index] ?? 'unlabelled'}: ${grouped(count)}`).join(' · ')}
        {found.length > most.length && ` · and ${found.length - most.length} more`}
      </p>
    </div>
  );
}
