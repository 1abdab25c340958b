import { type Card, heldOutOf } from '../../site/schema.ts';
import { Figures } from '../../ui/figure.tsx';
import { capital, splitName } from '../../ui/format.ts';
import { lossText, lossUnits, lossUnitText } from '../../ui/loss-units.ts';
import { meaningOf, measureName } from '../../ui/measures.ts';

/** A model's losses on images held out, from its card. */
export function CardFigures({ card }: { readonly card: Card }) {
  const units = lossUnits(card);
  const { losses, split } = heldOutOf(card);
  const nameOf = (measure: string) => (measure === 'loss' ? `${capital(splitName(split))} loss` : measureName(measure));
  return (
    <Figures
      class="stacked"
      rows={['loss', 'reconstruction', 'kl']
        .filter((measure) => measure in losses)
        .map((measure) => {
          const value = losses[measure];
          return [nameOf(measure), lossText(value, units), meaningOf(measure), lossUnitText(value, units)] as const;
        })}
    />
  );
}
