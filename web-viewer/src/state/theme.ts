import { computed, effect, signal } from '@preact/signals';

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const KEY = 'convae-theme';
const themeNamed = (text: string | null) => themes.find((theme) => theme === text);

/** What the visitor has chosen, remembered where the browser lets the page. */
const chosen = signal<Theme>(stored() ?? 'auto');
/** What the address asks for, as for a page shown within another. */
export const linkedTheme = signal<Theme | null>(null);
export const theme = computed(() => linkedTheme.value ?? chosen.value);

/** Takes a theme from the address. */
export function linkTheme(text: string | null): void {
  linkedTheme.value = themeNamed(text) ?? null;
}

export function chooseTheme(next: Theme): void {
  linkedTheme.value = null;
  chosen.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // It holds for this visit.
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
