import { useId } from 'preact/hooks';

/** A question mark that explains the item next to it. */
export function Hint({ about, text }: { readonly about: string; readonly text: string }) {
  const id = `hint-${useId()}`;
  return (
    <>
      <button type="button" class="hint" popovertarget={id} aria-label={`What is ${about}?`}>
        ?
      </button>
      <span id={id} popover="auto" class="hint-text" role="note">
        {text}
      </span>
    </>
  );
}
