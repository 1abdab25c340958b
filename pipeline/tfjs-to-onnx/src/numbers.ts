import type { Constant } from './ir.ts';

/** Constants that are derived from others, each made once: a program is lowered at two batch sizes. */
export class DerivedConstants {
  readonly #made = new WeakMap<Constant, Map<string, Constant | undefined>>();

  /**
   * @param how names what `make` does
   */
  of<Made extends Constant | undefined>(source: Constant, how: string, make: () => Made): Made {
    const known = this.#made.get(source) ?? new Map<string, Constant | undefined>();
    this.#made.set(source, known);
    if (!known.has(how)) known.set(how, make());
    return known.get(how) as Made;
  }
}

/** Whether two constants hold the same numbers; NaN is itself, and 0 is not −0. */
export function sameNumbers(a: Constant, b: Constant): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** How many bytes of a constant its fingerprint reads. */
const SAMPLES = 1024;

/** Equal for equal constants, and seldom for others. */
export function fingerprint(data: Constant): string {
  const bytes = bytesOf(data);
  // Odd, so that all bytes of a number take part.
  const step = Math.floor(bytes.length / SAMPLES / 2) * 2 + 1;
  let hash = 0;
  for (let i = 0; i < bytes.length; i += step) hash = Math.imul(hash ^ (bytes[i] ?? 0), 16777619);
  return `${data.length}#${hash}`;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Constant) => new Uint8Array(buffer, byteOffset, byteLength);
