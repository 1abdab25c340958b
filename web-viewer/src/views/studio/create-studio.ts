import { computed, signal } from '@preact/signals';
import type { Parameter } from '../../state/parameters.ts';
import { classes, mapSelection, model, type OpenModel } from '../../state/store.ts';

/** A group of images of the set, whose latents have a mean. */
export type Group =
  | { readonly kind: 'class'; readonly index: number }
  | { readonly kind: 'rows'; readonly rows: readonly number[] };

export type Studio = ReturnType<typeof createStudio>;

/** The rows of a group. */
export function rowsOf(group: Group, { set, points }: Pick<OpenModel, 'set' | 'points'>): readonly number[] {
  const count = points?.count ?? 0;
  if (group.kind === 'rows') return group.rows.filter((row) => row < count);
  return Array.from({ length: count }, (_, row) => row).filter((row) => set?.labels?.[row] === group.index);
}

/** The mean of latents `[N, D]` over some rows, `[D]`; null for no rows. */
function meanLatent(latents: Float32Array, size: number, rows: readonly number[]): Float32Array | null {
  if (rows.length === 0) return null;
  const sum = new Float64Array(size);
  for (const row of rows)
    for (let d = 0; d < size; d++) sum[d] = (sum[d] as number) + (latents[row * size + d] as number);
  return Float32Array.from(sum, (value) => value / rows.length);
}

/** Latents along a direction, `[strengths, D]`: `start + strength · (to − from)`. */
export function latentsAlong(
  start: Float32Array,
  from: Float32Array,
  to: Float32Array,
  strengths: readonly number[],
): Float32Array {
  return Float32Array.from({ length: strengths.length * start.length }, (_, i) => {
    const [strength, d] = [strengths[Math.floor(i / start.length)] as number, i % start.length];
    return (start[d] as number) + strength * ((to[d] as number) - (from[d] as number));
  });
}

/** The largest group that an address holds row by row. */
const MOST_ROWS = 500;

const textOf = (group: Group | null): string | null => {
  if (!group) return null;
  if (group.kind === 'class') return `class${group.index}`;
  return group.rows.length <= MOST_ROWS ? group.rows.join(',') : null;
};

/** The groups of images that attribute arithmetic subtracts and walks between. */
export function createStudio() {
  /** The groups chosen by the visitor, and their model. */
  const chosen = signal<{ readonly of: OpenModel; readonly from: Group | null; readonly to: Group | null } | null>(
    null,
  );
  const hasClasses = computed(() => (model.value?.set?.labels ?? null) !== null && (classes.value?.length ?? 0) > 1);
  const choice = computed(() => (chosen.value?.of.source === model.value?.source ? chosen.value : null));
  const from = computed(() => choice.value?.from ?? (hasClasses.value ? ({ kind: 'class', index: 0 } as const) : null));
  const to = computed(() => choice.value?.to ?? (hasClasses.value ? ({ kind: 'class', index: 1 } as const) : null));
  const mean = (group: Group | null) => {
    const { value: opened } = model;
    if (!group || !opened?.points) return null;
    return meanLatent(opened.points.latents, opened.card.latent.size, rowsOf(group, opened));
  };
  const set = (end: 'from' | 'to', group: Group | null) => {
    if (model.peek()) {
      chosen.value = {
        of: model.peek() as OpenModel,
        from: choice.peek()?.from ?? null,
        to: choice.peek()?.to ?? null,
        [end]: group,
      };
    }
  };
  const parameter = (end: 'from' | 'to'): Parameter => ({
    key: `mean${end}`,
    read: () => textOf(choice.value?.[end] ?? null),
    write: (text) => {
      const index = /^class(\d+)$/.exec(text ?? '')?.[1];
      const rows = text?.split(',').map(Number) ?? [];
      if (index !== undefined)
        set(end, Number(index) < (classes.value?.length ?? 0) ? { kind: 'class', index: Number(index) } : null);
      else if (rows.length > 0 && rows.length <= MOST_ROWS && rows.every((row) => Number.isInteger(row) && row >= 0)) {
        set(end, { kind: 'rows', rows });
      } else set(end, null);
    },
  });
  return {
    from,
    to,
    fromMean: computed(() => mean(from.value)),
    toMean: computed(() => mean(to.value)),
    hasClasses,
    set,
    /** Takes the rows selected on the map as a group. */
    takeSelection: (end: 'from' | 'to') => set(end, { kind: 'rows', rows: [...(mapSelection.peek() ?? [])] }),
    parameters: [parameter('from'), parameter('to')],
  };
}
