import { selectedRow } from '../../state/store.ts';

/** Explains the markers of the input image and the decoded latent. */
export function Marks() {
  return (
    <p class="map-key quiet">
      {selectedRow.value === null ? (
        <Mark shape="M8 1.5L14.5 8L8 14.5L1.5 8Z" name="your image" />
      ) : (
        <Mark shape="M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12Z" name="selected image" kind="ring" />
      )}
      <Mark shape="M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11Z" name="decoded latent" kind="accent" />
    </p>
  );
}

function Mark({ shape, name, kind = '' }: { readonly shape: string; readonly name: string; readonly kind?: string }) {
  return (
    <span>
      <svg viewBox="0 0 16 16" aria-hidden="true" class={kind}>
        <path d={shape} />
      </svg>{' '}
      {name}
    </span>
  );
}
