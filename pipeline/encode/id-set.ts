import { hash } from 'node:crypto';

/** Ids that are compared: the table takes 512 MiB then. */
const MOST = 2 ** 25;
const SMALLEST = 2 ** 16;

/**
 * A set of ids of which only 64-bit hashes are kept: of 30 million ids, two different ones are taken for the same with a
 * probability of 1 in 40,000.
 * @param count of ids, where it is known
 * @param most ids that are compared
 * @returns undefined where there are too many
 */
export function idSet(count: number | undefined, most = MOST) {
  if (count !== undefined && count > most) return undefined;
  let slots = SMALLEST;
  while (slots < 2 * (count ?? 0)) slots *= 2;
  let table = new Uint32Array(2 * slots); // a pair for each id; 0, 0 is free
  let used = 0;
  const put = (high: number, low: number): boolean => {
    for (let at = low % slots; ; at = (at + 1) % slots) {
      const [x, y] = [table[2 * at], table[2 * at + 1]];
      if (x === high && y === low) return false;
      if (x !== 0 || y !== 0) continue;
      table[2 * at] = high;
      table[2 * at + 1] = low;
      used++;
      return true;
    }
  };
  const grow = () => {
    const old = table;
    slots *= 2;
    used = 0;
    table = new Uint32Array(2 * slots);
    for (let i = 0; i < old.length; i += 2)
      if (old[i] !== 0 || old[i + 1] !== 0) put(old[i] as number, old[i + 1] as number);
  };
  return {
    /** @returns whether the id is new; undefined where there are too many */
    add(id: string): boolean | undefined {
      if (used >= most) return undefined;
      if (2 * used >= slots) grow();
      const digest = hash('sha1', id, 'buffer');
      return put(digest.readUInt32LE(0), digest.readUInt32LE(4) || 1);
    },
  };
}
