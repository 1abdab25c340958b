import { signal } from '@preact/signals';

const query = matchMedia('(max-width: 900px)');

/** Whether only one panel fits; the same width as in frame.css. */
export const narrow = signal(query.matches);
query.addEventListener('change', ({ matches }) => {
  narrow.value = matches;
});
