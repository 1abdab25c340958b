import type { Card } from '../../site/schema.ts';

/** One sentence on the difference between two models that take the same latents and classes. */
export function difference(ours: string, a: Card, theirs: string, b: Card): string {
  const [both, decoder] = a.conditional.encoder ? [ours, theirs] : [theirs, ours];
  if (a.conditional.encoder === b.conditional.encoder) {
    const where = a.conditional.encoder ? 'encoder and decoder' : 'only the decoder';
    return `Both give ${where} the class; they differ in architecture or training. Latents of one mean nothing to the other, so compare each with itself.`;
  }
  return `${both} gives its encoder the class too, so its latents need not hold it, and style and class separate better. ${decoder} gives it only to the decoder, and its encoder has to learn what to leave out. Latents of one mean nothing to the other: check whether a row keeps its style, and a column its class.`;
}
