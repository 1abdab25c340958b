import type { Node, Shape } from '../ir.ts';

/** Operators with windows that ONNX can pad by itself. */
const WINDOWED: ReadonlySet<string> = new Set(['Conv', 'MaxPool', 'AveragePool']);

/**
 * The attributes of a strided window whose pads follow the size of the image: `auto_pad` in the place of `pads`, if
 * those are what it gives in each sample.
 */
export function autoPadded(samples: readonly Node[]): Node['attrs'] | undefined {
  const [first] = samples;
  if (!first || !WINDOWED.has(first.op)) return undefined;
  const { pads: _, ...rest } = first.attrs;
  const text = JSON.stringify(rest);
  const fits = samples.every(({ attrs: { pads, ...others }, inputs }) => {
    if (JSON.stringify(others) !== text) return false;
    const { kernel_shape, strides, dilations } = others as Readonly<Record<string, Shape | undefined>>;
    const image = inputs[0]?.shape.slice(2) ?? [];
    if (dilations?.some((d) => d !== 1)) return false;
    const totals = image.map((size, i) => {
      const [kernel, stride] = [kernel_shape?.[i] ?? 1, strides?.[i] ?? 1];
      return Math.max(0, (Math.ceil(size / stride) - 1) * stride + kernel - size);
    });
    const before = totals.map((total) => Math.floor(total / 2));
    const after = totals.map((total, i) => total - (before[i] ?? 0));
    return JSON.stringify(pads) === JSON.stringify([...before, ...after]);
  });
  return fits ? { ...rest, auto_pad: 'SAME_UPPER' } : undefined;
}
