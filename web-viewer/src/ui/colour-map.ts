import { signal } from '@preact/signals';
import { type ColourMap, colourMap, problem } from '../state/store.ts';
import { rgbOf } from './rgb.ts';

/** Matplotlib’s colours of a share, 0 to 1, as `#rrggbb`. They are loaded when they are first wanted. */
const matplotlib = signal<typeof import('./matplotlib-colours.ts') | 'loading' | null>(null);

const tables = new Map<ColourMap, Uint8ClampedArray>();

/** The colours of the values 0 to 255, `[256, 3]`; gray until those of the map have come. */
export function coloursOf(map: ColourMap): Uint8ClampedArray {
  if (map === 'gray' || map === 'inverted')
    return tableOf(map, (value) => [0, 1, 2].map(() => (map === 'inverted' ? 255 - value : value)));
  if (matplotlib.value === null) void load();
  if (matplotlib.value === null || matplotlib.value === 'loading') return coloursOf('gray');
  const colour = matplotlib.value[map];
  return tableOf(map, (value) => rgbOf(colour(value / 255)));
}

function tableOf(map: ColourMap, rgb: (value: number) => readonly number[]): Uint8ClampedArray {
  const table = tables.get(map) ?? Uint8ClampedArray.from(Array.from({ length: 256 }, (_, value) => rgb(value)).flat());
  tables.set(map, table);
  return table;
}

async function load(): Promise<void> {
  matplotlib.value = 'loading';
  try {
    matplotlib.value = await import('./matplotlib-colours.ts');
  } catch {
    matplotlib.value = null;
    colourMap.value = 'gray';
    problem.value =
      'These colours cannot be shown: their code did not arrive; check the connection and choose them again';
  }
}
