const PATHS = {
  open: 'M3 6.5V5a1.5 1.5 0 0 1 1.5-1.5h3L9 5h6.5A1.5 1.5 0 0 1 17 6.5v1M3 16l2-8.5h14L17 16Z',
  link: 'M8.5 11.5l3-3M9.5 6l1.8-1.8a3.2 3.2 0 0 1 4.5 4.5L14 10.5M10.5 14l-1.8 1.8a3.2 3.2 0 0 1-4.5-4.5L6 9.5',
  done: 'M4 10.5l4 4 8-9',
  ask: 'M7.3 7.5a2.7 2.7 0 1 1 4 2.4c-.9.5-1.3 1-1.3 2.1M10 14.7v.1M10 1.8a8.2 8.2 0 1 0 0 16.4a8.2 8.2 0 1 0 0-16.4',
  auto: 'M10 2.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15M10 2.5v15M10 6l4.5-2M10 10h7.3M10 14l4.5 2',
  light:
    'M10 6.3a3.7 3.7 0 1 0 0 7.4a3.7 3.7 0 1 0 0-7.4M10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6L16 16M16 4l-1.4 1.4M5.4 14.6L4 16',
  dark: 'M16.5 12A7 7 0 0 1 8 3.5A7 7 0 1 0 16.5 12Z',
  down: 'M5.5 8l4.5 4.5L14.5 8',
} as const;

/** A line icon next to a label, or in its place where there is no room. */
export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
