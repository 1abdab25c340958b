import { useState } from 'preact/hooks';
import { model, selectedRow } from '../../state/store.ts';
import { Button, Check, setter } from '../../ui/controls.tsx';
import { counted, grouped } from '../../ui/format.ts';
import { cssOf } from '../../ui/rgb.ts';
import { useCopiedLink } from '../../ui/use-copied-link.ts';
import type { Camera } from './camera.ts';
import { categoryName } from './columns.ts';
import { useMap } from './create-map.ts';
import { MOST_ON_SHEET, saveSheet, saveTable } from './exports.ts';
import { ImageGrid } from './image-grid.tsx';
import { LIST, type Selection } from './selection.ts';
import { boundsOf } from './transform.ts';

interface Props {
  readonly rows: Uint32Array;
  readonly selection: Selection;
  readonly camera: Camera;
  readonly close: () => void;
}

/** The selected images: counts by class, thumbnails, and what can be done with them. */
export function SelectedImages({ rows, selection, camera, close }: Props) {
  const { meanings, onlySelected, positions, selection: selected, table } = useMap();
  const [meant, ...others] = meanings.value;
  const [errors, setErrors] = useState(false);
  const [copied, copy] = useCopiedLink();
  const title = titleOf(selection, rows.length, meant?.text);
  const name = model.value?.name ?? 'convae';
  const none = rows.length === 0;
  const like = selectedRow.value;
  return (
    <section class="map-chosen" aria-label="Selected images">
      <div class="row spread">
        <h3>{title}</h3>
        <span class="visually-hidden" role="status">
          {title}
        </span>
        <Button class="text-button" onClick={close}>
          Close
        </Button>
      </div>
      {others.length > 0 && (
        <p class="say">
          Also{' '}
          {others.map(({ text }) => (
            <Button key={text} class="text-button" onClick={() => setter(selected)({ kind: 'search', text })}>
              {text}
            </Button>
          ))}
        </p>
      )}
      <ClassShares rows={rows} />
      {none ? <p class="say">{nothingOf(selection)}</p> : <ImageGrid rows={rows} errors={errors} />}
      <div class="row">
        <Check checked={errors} onChoose={setErrors}>
          Error maps
        </Check>
        <Check title="Hides the other points" checked={onlySelected.value} onChoose={setter(onlySelected)}>
          Only these
        </Check>
      </div>
      <div class="row">
        <Button class="button small" disabled={none} onClick={() => camera.fit(boundsOf(positions.value, rows))}>
          Zoom to
        </Button>
        <Button
          class="button small"
          disabled={like === null}
          title="The images whose latents are nearest to that of the one you clicked"
          onClick={() => like !== null && setter(selected)({ kind: 'like', to: like })}
        >
          More like this
        </Button>
        <Button
          class="button small"
          disabled={none}
          onClick={() => void saveTable(rows, table.columns.value, `${name}-selected.csv`)}
        >
          CSV
        </Button>
        <Button
          class="button small"
          disabled={none}
          title={rows.length > MOST_ON_SHEET ? `The first ${grouped(MOST_ON_SHEET)} images` : 'All images on a sheet'}
          onClick={() => void saveSheet(rows, `${name}-selected.png`)}
        >
          PNG
        </Button>
        <Button class="button small" title="A link that opens this selection" onClick={copy}>
          {{ no: 'Link', yes: 'Copied', failed: 'Copying failed' }[copied]}
        </Button>
      </div>
      <p class="say" role="status">
        {copied === 'yes' && table.dropped.value.length > 0 && 'The link does not hold your table: send it too.'}
      </p>
    </section>
  );
}

function titleOf(selection: Selection, count: number, meant: string | undefined): string {
  const images = counted(count, 'image');
  switch (selection.kind) {
    case 'lasso':
      return `${images} selected`;
    case 'search':
      return `${images} for “${meant ?? selection.text}”`;
    case 'like':
      return `${images} like ${typeof selection.to === 'number' ? `image ${model.value?.set?.id(selection.to) ?? selection.to}` : 'yours'}`;
    case 'highest':
      return `${images} with the highest ${selection.column}`;
  }
}

function nothingOf({ kind }: Selection): string {
  if (kind === 'search') return 'Nothing found. Try a class, an id or a part of it, or # and the number of an image.';
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
  return (
    <div>
      <div class="map-shares-bar" aria-hidden="true">
        {found.map(({ count, code }) => (
          <span key={code} style={{ flexGrow: count, background: cssOf(colourOf(code, column)) }} />
        ))}
      </div>
      <p class="say">
        {most.map(({ count, code }) => `${categoryName(column, code)}: ${grouped(count)}`).join(' · ')}
        {found.length > most.length && ` · and ${found.length - most.length} more`}
      </p>
    </div>
  );
}
