import { interpolateInferno, interpolateMagma, interpolateViridis } from 'd3-scale-chromatic';

/** How images of one channel are displayed. Files of them stay gray. */
export const colourMaps = ['gray', 'inverted', 'viridis', 'magma', 'inferno'] as const;
export type ColourMap = (typeof colourMaps)[number];

/** Matplotlib’s colours of a share, 0 to 1, as `#rrggbb`. */
const matplotlib: Partial<Record<ColourMap, (share: number) => string>> = {
  viridis: interpolateViridis,
  magma: interpolateMagma,
  inferno: interpolateInferno,
};

const tables = new Map<ColourMap, Uint8ClampedArray>();

/** The colours of the values 0 to 255, `[256, 3]`. */
export function coloursOf(map: ColourMap): Uint8ClampedArray {
  const colour = matplotlib[map];
  const table =
    tables.get(map) ??
    Uint8ClampedArray.from({ length: 256 * 3 }, (_, i) => {
      const [value, c] = [Math.floor(i / 3), i % 3];
      if (colour) return Number.parseInt(colour(value / 255).slice(1 + 2 * c, 3 + 2 * c), 16);
      return map === 'inverted' ? 255 - value : value;
    });
  tables.set(map, table);
  return table;
}
