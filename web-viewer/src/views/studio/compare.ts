import type { Card } from '../../site/schema.ts';

/** One sentence on the difference between two models that take the same latents and classes. */
export function difference(ours: string, a: Card, theirs: string, b: Card): string {
  const [both, decoder] = a.conditional.encoder ? [ours, theirs] : [theirs, ours];
  if (a.conditional.encoder === b.conditional.encoder) {
    const where = a.conditional.encoder ? 'encoder and decoder' : 'the decoder alone';
    return `Both tell ${where} the class; they differ in how they were made or trained. The codes of one mean nothing to the other, so look at each on its own.`;
  }
  return `${both} tells its encoder the class too, so its codes need not hold it, and style and class part better; ${decoder} tells the decoder alone, and its encoder has to find out what to leave out. The codes of one mean nothing to the other: look whether a row keeps its style, and a column its class.`;
}
