import { computed, signal } from '@preact/signals';
import { model } from '../../state/store.ts';
import { makeGrid } from './grid.ts';
import type { StoredArrays } from './stored-arrays.ts';
import { boundsOf } from './transform.ts';

export type Layout = ReturnType<typeof createLayout>;

/** Where the points of the open model are on the map. */
export function createLayout(stored: StoredArrays) {
  /** The chosen axes: the method of a map, or two latent dimensions; null for the map that is shown first. */
  const axes = signal<string | readonly [number, number] | null>(null);
  const points = computed(() => model.value?.points ?? null);
  const latentSize = computed(() => model.value?.card.latent.size ?? 0);
  const methods = computed(() => {
    const found = model.value?.manifest.points;
    return found ? [found.method, ...found.others.map(({ method }) => method)] : [];
  });
  /** The latent dimensions along x and y; null where a map mixes them. */
  const dimensions = computed<readonly [number, number] | null>(() => {
    const chosen = axes.value;
    if (chosen !== null && typeof chosen !== 'string') return chosen;
    return points.value?.method === 'codes' && (chosen === null || chosen === 'codes') ? [0, 1] : null;
  });
  /** Whether the map is the latent plane itself, so that each position can be decoded. */
  const isPlane = computed(() => latentSize.value === 2 && dimensions.value?.join() === '0,1');
  /** Positions `[N, 2]`; none while they are loaded. */
  const positions = computed<Float32Array>(() => {
    const [current, size, pair] = [points.value, latentSize.value, dimensions.value];
    if (!current) return new Float32Array();
    const { latents, map, method, count } = current;
    if (pair && !(method === 'codes' && isPlane.value)) {
      return Float32Array.from(
        { length: 2 * count },
        (_, i) => latents[(i >> 1) * size + (pair[i % 2] ?? 0)] as number,
      );
    }
    const other = model.value?.manifest.points?.others.find((other) => other.method === axes.value);
    if (!other) return map;
    const read = stored.array(other.file, ['<f4'], count, 2);
    return read instanceof Float32Array ? read : new Float32Array();
  });
  const bounds = computed(() => boundsOf(positions.value));
  const grid = computed(() => makeGrid(positions.value, bounds.value));
  return { axes, points, latentSize, methods, dimensions, isPlane, positions, bounds, grid };
}
