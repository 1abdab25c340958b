import { useState } from 'preact/hooks';
import { model, selectedRow } from '../../state/store.ts';
import { grouped } from '../../ui/format.ts';
import { save } from '../../ui/save.ts';
import type { Camera } from './camera.ts';
import { cssOf } from './colours.ts';
import { useMap } from './create-map.ts';
import { csvOf, MOST_ON_SHEET, sheetOf } from './exports.ts';
import { ImageGrid } from './image-grid.tsx';
import { LIST, type Selection } from './selection.ts';
import { boundsOf } from './transform.ts';

interface Props {
  readonly rows: Uint32Array;
  readonly selection: Selection;
  readonly camera: Camera;
}

/** The selected images: counts by class, thumbnails, and what can be done with them. */
export function SelectedImages({ rows, selection, camera }: Props) {
  const { onlySelected, positions, selection: selected, table } = useMap();
  const [errors, setErrors] = useState(false);
  const [copied, setCopied] = useState(false);
  const title = titleOf(selection, rows.length);
  const name = model.value?.name ?? 'convae';
  const none = rows.length === 0;
  const saveCsv = () => {
    const set = model.value?.set;
    const text = csvOf(rows, (row) => set?.id(row) ?? String(row), table.columns.value);
    save(new Blob([text], { type: 'text/csv' }), `${name}-selected.csv`);
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
            selected.value = null;
            onlySelected.value = false;
          }}
        >
          Close
        </button>
      </div>
      <ClassShares rows={rows} />
      {none ? <p class="say">{nothingOf(selection)}</p> : <ImageGrid rows={rows} errors={errors} />}
      <div class="row">
        <label>
          <input type="checkbox" checked={errors} onChange={({ currentTarget }) => setErrors(currentTarget.checked)} />{' '}
          Error maps
        </label>
        <label title="Hides the other points">
          <input
            type="checkbox"
            checked={onlySelected.value}
            onChange={({ currentTarget }) => {
              onlySelected.value = currentTarget.checked;
            }}
          />{' '}
          Only these
        </label>
      </div>
      <div class="row map-actions">
        <button type="button" disabled={none} onClick={() => camera.fit(boundsOf(positions.value, rows))}>
          Zoom to
        </button>
        <button
          type="button"
          disabled={selectedRow.value === null}
          title="The images whose latents are nearest to that of the one you clicked"
          onClick={() => {
            if (selectedRow.value !== null) selected.value = { kind: 'like', to: selectedRow.value };
          }}
        >
          More like it
        </button>
        <button type="button" disabled={none} onClick={saveCsv}>
          CSV
        </button>
        <button
          type="button"
          disabled={none}
          title={rows.length > MOST_ON_SHEET ? `The first ${grouped(MOST_ON_SHEET)} images` : 'All images on a sheet'}
          onClick={() => void sheetOf(rows).then((sheet) => save(sheet, `${name}-selected.png`))}
        >
          PNG
        </button>
        <button
          type="button"
          title="A link that opens this selection"
          onClick={() => void navigator.clipboard.writeText(location.href).then(() => setCopied(true))}
        >
          {copied ? 'Copied' : 'Link'}
        </button>
      </div>
    </section>
  );
}

function titleOf(selection: Selection, count: number): string {
  const images = `${grouped(count)} ${count === 1 ? 'image' : 'images'}`;
  switch (selection.kind) {
    case 'lasso':
      return `${images} selected`;
    case 'search':
      return `${images} for “${selection.text}”`;
    case 'like':
      return `${images} like ${typeof selection.to === 'number' ? `image ${model.value?.set?.id(selection.to) ?? selection.to}` : 'yours'}`;
    case 'highest':
      return `${images} of the highest ${selection.column}`;
  }
}

function nothingOf({ kind }: Selection): string {
  if (kind === 'search')
    return 'Nothing is found. Try a class, an id or a part of it, or # and the number of an image.';
  if (kind === 'lasso') return 'There are no points inside. Draw around some, or show more classes.';
  return `There are none; up to ${LIST} are listed where a column has numbers and classes are shown.`;
}

/** Distribution of the selected images over the categories. */
function ClassShares({ rows }: { readonly rows: Uint32Array }) {
  const { codes, colourOf, filtered } = useMap();
  const column = filtered.value;
  if (!column?.values || rows.length === 0) return null;
  const counts = new Map(codes.value.map((code) => [code, 0]));
  for (const row of rows) {
    const code = Math.max(-1, column.values[row] ?? -1);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  const found = [...counts].map(([code, count]) => ({ count, code })).filter(({ count }) => count > 0);
  const most = found.toSorted((a, b) => b.count - a.count).slice(0, 3);
  const nameOf = (code: number) => column.categories[code] ?? (column.name === 'class' ? 'unlabelled' : 'none');
  return (
    <div class="map-shares">
      <div class="map-shares-bar" aria-hidden="true">
        {found.map(({ count, code }) => (
          <span key={code} style={{ flexGrow: count, background: cssOf(colourOf(code, column)) }} />
        ))}
      </div>
      <p class="say">
        {most.map(({ count, code }) => `${nameOf(code)}: ${grouped(count)}`).join(' · ')}
        {found.length > most.length && ` · and ${found.length - most.length} more`}
      </p>
    </div>
  );
}
