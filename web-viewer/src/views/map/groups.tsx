import { model } from '../../state/store.ts';
import { grouped } from '../../ui/format.ts';
import { save } from '../../ui/save.ts';
import { cssOf } from './colours.ts';
import { useMap } from './create-map.ts';
import { csvOf } from './exports.ts';

/** Names of the categories that colours show: each can be changed, and equal names merge. */
export function Groups({ close }: { readonly close: () => void }) {
  const { column, colourOf, points, selection, table } = useMap();
  const shown = column.value;
  if (shown?.kind !== 'category' || !points.value) return null;
  const { name: title, categories, values } = shown;
  const counts = new Uint32Array(categories.length);
  for (const code of values ?? []) if (code >= 0) counts[code] = (counts[code] ?? 0) + 1;
  const count = points.value.count;
  const saveTable = () => {
    const set = model.value?.set;
    const rows = Array.from({ length: count }, (_, row) => row);
    const text = csvOf(rows, (row) => set?.id(row) ?? String(row), table.columns.value);
    save(new Blob([text], { type: 'text/csv' }), `${model.value?.name ?? 'convae'}.csv`);
  };
  return (
    <section class="map-chosen" aria-label={`Names of ${title}`} data-own>
      <div class="map-chosen-head">
        <h3>{title}</h3>
        <button type="button" class="map-link" onClick={close}>
          Close
        </button>
      </div>
      <p class="say">Type a new name. The name of another merges both.</p>
      <ul class="map-groups">
        {categories.map((name, code) => (
          <li key={name} style={{ '--class': cssOf(colourOf(code)) }}>
            <input
              type="text"
              maxLength={100}
              value={name}
              aria-label={`Name of ${name}`}
              onChange={({ currentTarget }) => table.rename(title, name, currentTarget.value)}
            />
            <button
              type="button"
              class="map-link"
              title="Select its images"
              onClick={() => {
                selection.value = { kind: 'search', text: `${title}:${name}` };
              }}
            >
              {grouped(counts[code] ?? 0)}
            </button>
          </li>
        ))}
      </ul>
      <div class="row map-actions">
        <button type="button" onClick={saveTable}>
          Save the table (CSV)
        </button>
        <button type="button" disabled={!table.renamed.value[title]} onClick={() => table.restore(title)}>
          Old names
        </button>
      </div>
    </section>
  );
}
