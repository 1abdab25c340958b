import type { Card } from '../../site/schema.ts';

/** One sentence on the difference between two models that take the same latents and classes. */
export function difference(ours: string, a: Card, theirs: string, b: Card): string {
  const [both, decoder] = a.conditional.encoder ? [ours, theirs] : [theirs, ours];
  if (a.conditional.encoder === b.conditional.encoder) {
    const where = a.conditional.encoder ? 'encoder and decoder take' : 'only the decoder takes';
    return `In both models ${where} the class; they differ in architecture or training. Their latent spaces are unrelated, so judge each model separately.`;
  }
  return `In ${both} the encoder takes the class too, so latents need not hold it, and style and class separate better. In ${decoder} only the decoder takes it, and the encoder has to learn what to leave out. Their latent spaces are unrelated: check whether each row keeps its style and each column its class.`;
}
