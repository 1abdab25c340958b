import { errorUnits } from '../../../../pipeline/artifacts/fields.ts';
import { model, reading } from '../../state/store.ts';
import { Figures, Hint } from '../../ui/figure.tsx';
import { dataName, grouped, ofSplit, short } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { ERROR_SCALE, errorColour } from '../../ui/pixels.ts';
import { cssOf } from '../../ui/rgb.ts';
import { shareText, verdict } from './verdict.ts';

const ABOUT_ERROR = {
  'binary cross-entropy':
    'Binary cross-entropy between input and reconstruction, in nats (natural units of information). Gray pixels have an error even when reconstructed exactly.',
  'mean squared error': 'The squared difference between input and reconstruction, where white is 1 and black 0.',
  'mean absolute error': 'The absolute difference between input and reconstruction, where white is 1 and black 0.',
} as const;

/** How unusual the input is for the model: a mark on a line, and a sentence. */
export function Unusual() {
  const { percentile } = reading.value ?? {};
  const { points, set } = model.value ?? {};
  if (!model.value) return null;
  if (!points) return <p class="say">There are no other images to compare the error with.</p>;
  const images = points.count;
  const found =
    percentile === undefined || percentile === null
      ? null
      : verdict(percentile, images, ofSplit(set?.about.split ?? 'all', 'images'));
  return (
    <div class="unusual" data-word={found?.word} data-percentile={percentile}>
      <div class="unusual-line" aria-hidden="true">
        <span class="unusual-mark" style={{ left: `${100 * (percentile ?? 0)}%` }} />
      </div>
      <p class="unusual-text">
        {found?.text ?? '…'}{' '}
        <Hint
          about="this comparison"
          text={`${percentile === null || percentile === undefined ? 'This share' : shareText(percentile)} of the ${grouped(images)} images of ${dataName((set?.about ?? model.value.card.dataset).name)} have a smaller reconstruction error than this one. A model reconstructs images well if they resemble its training images; a large error suggests something that it has not learned.`}
        />
      </p>
    </div>
  );
}

/** The error of each pixel in colour, and as numbers. */
export function ErrorMap() {
  const card = model.value?.card;
  if (!card) return null;
  const kind = card.model.error;
  const most = ERROR_SCALE[kind];
  const unit = errorUnits[kind];
  const { errorMap = null, error } = reading.value ?? {};
  const { height, width, channels } = card.image;
  const shortUnit = kind === 'binary cross-entropy' ? unit : '';
  const text = (factor: number) => (error === undefined ? '…' : short(error * factor));
  const stops = Array.from({ length: 11 }, (_, i) => cssOf(errorColour(i / 10)));
  return (
    <section class="stack" aria-labelledby="input-error" data-error={error}>
      <h3 id="input-error">Error map</h3>
      <PixelImage pixels={errorMap} shape={card.image} errorScale={most} label="Error of each pixel, in colour" />
      <div class="row quiet colour-bar" aria-hidden="true">
        <span>0</span>
        <span class="colour-bar-scale" style={{ background: `linear-gradient(to right, ${stops.join(', ')})` }} />
        <span>
          ≥ {most} {shortUnit}
        </span>
      </div>
      <Figures
        rows={[
          [
            'Error per pixel',
            text(1),
            `${ABOUT_ERROR[kind]} The mean over all pixels${channels > 1 ? ' and colours' : ''}.`,
            shortUnit,
          ],
          [
            'Total error',
            text(height * width * channels),
            `The same, summed over the ${height}×${width}${channels > 1 ? `×${channels}` : ''} values of the image.`,
            unit,
          ],
        ]}
      />
    </section>
  );
}
