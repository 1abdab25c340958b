/** Round values from `low` to `high` (1, 2 or 5 times a power of ten apart), about `wanted` of them. */
export function ticks(
  low: number,
  high: number,
  wanted: number,
): { readonly values: number[]; readonly decimals: number } {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
  const values: number[] = [];
  for (let k = Math.ceil(low / step); k * step <= high && values.length < 1000; k++) values.push(k * step || 0);
  return { values, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/** Rounds a coordinate to a tenth of a pixel on a screen of `scale` pixels per unit, so that links stay short. */
export function roundToPixel(value: number, scale: number): number {
  const decimals = Math.min(12, Math.max(0, Math.ceil(Math.log10(10 * scale))));
  return Number(value.toFixed(decimals));
}
