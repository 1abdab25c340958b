import { rgbOf } from './colours.ts';
import { ground } from './map-state.ts';
import type { Theme } from './overlay.ts';

/** The page's current colours; also updates the background of the points. */
export function readTheme(element: Element): Theme {
  const style = getComputedStyle(element);
  // A canvas writes every colour as #rrggbb.
  const context = new OffscreenCanvas(1, 1).getContext('2d');
  const colour = (name: string) => {
    if (context) context.fillStyle = style.getPropertyValue(name);
    return String(context?.fillStyle ?? '#808080');
  };
  const panel = colour('--panel');
  const [r, g, b] = rgbOf(panel);
  ground.value = r + g + b < 384 ? 'dark' : 'light';
  return {
    ink: colour('--ink'),
    quiet: colour('--ink-2'),
    line: colour('--line-strong'),
    panel,
    accent: colour('--accent'),
  };
}

/** Calls `onChange` when the page's colours change. @returns a function that stops it */
export function watchTheme(onChange: () => void): () => void {
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', onChange);
  const observer = new MutationObserver(onChange);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  return () => {
    scheme.removeEventListener('change', onChange);
    observer.disconnect();
  };
}
