import { model } from '../../state/store.ts';
import { Button, setter } from '../../ui/controls.tsx';
import { grouped } from '../../ui/format.ts';
import { cssOf } from '../../ui/rgb.ts';
import { useMap } from './create-map.ts';
import { saveTable } from './exports.ts';

/** Names of the categories that colours show: each can be changed, and equal names merge. */
export function Groups({ close }: { readonly close: () => void }) {
  const { column, colourOf, points, selection, table } = useMap();
  const shown = column.value;
  if (shown?.kind !== 'category' || !points.value) return null;
  const { name: title, categories, values } = shown;
  const counts = new Uint32Array(categories.length);
  for (const code of values ?? []) if (code >= 0) counts[code] = (counts[code] ?? 0) + 1;
  const rows = points.value.errors.map((_, row) => row);
  return (
    <section class="map-chosen" aria-label={`Names of ${title}`}>
      <div class="row spread">
        <h3>{title}</h3>
        <Button class="text-button" onClick={close}>
          Close
        </Button>
      </div>
      <p class="say">Type a new name. Another group’s name merges the two.</p>
      <ul class="map-groups">
        {categories.map((name, code) => (
          <li key={code} style={{ '--class': cssOf(colourOf(code)) }}>
            <input
              type="text"
              maxLength={100}
              value={name}
              aria-label={`Name of ${name}`}
              onChange={({ currentTarget }) => table.rename(title, name, currentTarget.value)}
            />
            <Button
              class="text-button"
              title="Select its images"
              onClick={() => setter(selection)({ kind: 'search', text: `${title}:${name}` })}
            >
              {grouped(counts[code] ?? 0)}
            </Button>
          </li>
        ))}
      </ul>
      <div class="row">
        <Button
          class="button small"
          onClick={() => void saveTable(rows, table.columns.value, `${model.value?.name ?? 'convae'}.csv`)}
        >
          Save the table (CSV)
        </Button>
        <Button
          class="button small"
          disabled={!table.renamed.value[title]}
          onClick={({ currentTarget }) => {
            table.restore(title);
            (currentTarget.previousElementSibling as HTMLElement | null)?.focus();
          }}
        >
          Old names
        </Button>
      </div>
    </section>
  );
}
