import type { Theme } from './overlay.ts';

/** The page's current colours. */
export function readTheme(element: Element): Theme {
  const style = getComputedStyle(element);
  // A canvas writes every colour as #rrggbb.
  const context = new OffscreenCanvas(1, 1).getContext('2d');
  const colour = (name: string) => {
    if (context) context.fillStyle = style.getPropertyValue(name);
    return String(context?.fillStyle ?? '#808080');
  };
  return {
    ink: colour('--ink'),
    quiet: colour('--ink-2'),
    line: colour('--line-strong'),
    panel: colour('--panel'),
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
