import { computed, effect, signal } from '@preact/signals';

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const KEY = 'convae-theme';
const themeNamed = (text: string | null) => themes.find((theme) => theme === text);

// Canvases are drawn in these: as registered properties they are read as plain colours.
for (const name of ['--ink', '--ink-2', '--line', '--line-strong', '--panel', '--accent'])
  CSS.registerProperty?.({ name, syntax: '<color>', inherits: true, initialValue: 'gray' });

/** The visitor's choice, remembered where the browser allows it. */
const chosen = signal<Theme>(stored() ?? 'auto');
/** The theme requested by the address, for embedding the page. */
export const linkedTheme = signal<Theme | null>(null);
export const theme = computed(() => linkedTheme.value ?? chosen.value);

const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(systemIsDark.matches);
systemIsDark.addEventListener('change', ({ matches }) => {
  systemDark.value = matches;
});
export const isDark = computed(() => theme.value === 'dark' || (theme.value === 'auto' && systemDark.value));

/** Applies a theme from the address. */
export function linkTheme(text: string | null): void {
  linkedTheme.value = themeNamed(text) ?? null;
}

export function chooseTheme(next: Theme): void {
  linkedTheme.value = null;
  chosen.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // It applies to this visit only.
  }
}

function stored(): Theme | undefined {
  try {
    return themeNamed(localStorage.getItem(KEY));
  } catch {
    return undefined;
  }
}

effect(() => {
  const { dataset } = document.documentElement;
  if (theme.value === 'auto') delete dataset.theme;
  else dataset.theme = theme.value;
});
