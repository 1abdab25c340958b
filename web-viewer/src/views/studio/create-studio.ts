import { computed, signal } from '@preact/signals';
import { packedLater, packRows, unpackRows } from '../../state/pack.ts';
import type { Parameter } from '../../state/parameters.ts';
import { classes, mapSelection, model, type OpenModel, problem } from '../../state/store.ts';

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

/** The group of a link's text, which may be anything; null where it is none. */
async function groupOf(text: string | null, classes: number, count: number): Promise<Group | null> {
  const [, kind, rest = ''] = /^(class|rows)([\w-]+)$/.exec(text ?? '') ?? [];
  if (kind === 'class') return Number(rest) < classes ? { kind, index: Number(rest) } : null;
  const rows = kind === 'rows' ? await unpackRows(rest, count) : [];
  return rows.length > 0 ? { kind: 'rows', rows } : null;
}

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
    const of = model.peek();
    if (of) chosen.value = { from: null, to: null, ...choice.peek(), of, [end]: group };
  };
  const parameter = (end: 'from' | 'to'): Parameter => {
    const packed = packedLater(({ of, rows }: { readonly of: OpenModel; readonly rows: readonly number[] }) =>
      packRows(rows, of.points?.count ?? 0),
    );
    const group = computed(() => choice.value?.[end] ?? null);
    const rows = computed(() =>
      choice.value && group.value?.kind === 'rows' ? { of: choice.value.of, rows: group.value.rows } : null,
    );
    return {
      key: `mean${end}`,
      read() {
        if (group.value?.kind === 'class') return `class${group.value.index}`;
        const text = rows.value && packed(rows.value);
        return text === null ? null : `rows${text}`;
      },
      async write(text) {
        const of = model.peek();
        const found = await groupOf(text, classes.peek()?.length ?? 0, of?.points?.count ?? 0);
        if (model.peek() !== of) return;
        if (text !== null && !found) problem.value = 'the link names a group of images that are not the ones here';
        set(end, found);
      },
    };
  };
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
