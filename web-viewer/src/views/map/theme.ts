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
