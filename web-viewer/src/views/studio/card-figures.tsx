import { type Card, heldOutOf } from '../../site/schema.ts';
import { Figure } from '../../ui/figure.tsx';
import { lossText, lossUnits, lossUnitText } from '../../ui/loss-units.ts';

const NAMES: Readonly<Record<string, readonly [string, string]>> = {
  loss: ['Test loss', 'What training minimised, on images that the model was not trained on. Lower is better.'],
  reconstruction: [
    'Reconstruction',
    'The term of the loss that measures how much reconstructions differ from their images.',
  ],
  kl: [
    'KL divergence',
    'The term of the loss that measures how much the latents hold about their images, besides the class.',
  ],
};

/** A model's test losses, from its card. */
export function CardFigures({ card }: { readonly card: Card }) {
  const units = lossUnits(card);
  const { losses, split } = heldOutOf(card);
  return (
    <dl class="figures card-figures">
      {Object.entries(NAMES).flatMap(([key, [name, hint]]) => {
        const value = losses[key];
        if (value === undefined) return [];
        return (
          <Figure
            key={key}
            name={split === 'val' ? name.replace('Test', 'Validation') : name}
            value={lossText(value, units)}
            unit={lossUnitText(value, units)}
            hint={hint}
          />
        );
      })}
    </dl>
  );
}
