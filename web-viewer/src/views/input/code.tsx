import { dimensionOrder } from '../../site/dimensions.ts';
import { model, reading } from '../../state/store.ts';
import { Hint } from '../../ui/figure.tsx';
import { counted } from '../../ui/format.ts';

/** The most bars that are distinguishable. */
const MOST = 48;
/** Standard deviations from the mean at which a bar has its full height. */
const REACH = 2.5;
const [WIDTH, HEIGHT] = [128, 36];

/** The code of the input image: a bar for each number, upwards where it is above the mean of the test images. */
function CodeBars() {
  const { card, manifest } = model.value ?? {};
  const latent = reading.value?.latents.latent;
  const order = card && manifest ? dimensionOrder(manifest.dimensions, card.latent.size).slice(0, MOST) : [];
  const { mean = [], std = [] } = card?.latent.statistics ?? {};
  const widest = Math.max(...std);
  // Dimensions that the model does not use stay small.
  const heightOf = (d: number) =>
    ((latent?.[d] ?? 0) - (mean[d] ?? 0)) / (REACH * Math.max(std[d] ?? 1, widest / 3)) / 2;
  const shown = latent?.length === card?.latent.size ? order : [];
  const step = WIDTH / Math.max(12, order.length);
  return (
    <svg
      class="code-bars"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label="The code, drawn as bars"
      data-latent={latent && JSON.stringify([...latent])}
    >
      <path d={`M0 ${HEIGHT / 2}H${WIDTH}`} />
      {shown.map((dimension, i) => {
        const up = HEIGHT * Math.min(0.5, Math.max(-0.5, heightOf(dimension)));
        const x = (WIDTH - step * order.length) / 2 + (i + 0.15) * step;
        return <rect key={dimension} x={x} y={HEIGHT / 2 - Math.max(0, up)} width={0.7 * step} height={Math.abs(up)} />;
      })}
    </svg>
  );
}

/** What is between an image and its reconstruction: encoder, code, decoder. */
export function Code() {
  const size = model.value?.card.latent.size;
  return (
    <figure class="code">
      <Funnel name="encoder" />
      <b>Code</b>
      <CodeBars />
      <figcaption class="quiet">{size ? counted(size, 'number') : '…'}</figcaption>
      <Judgement />
      <Funnel name="decoder" />
    </figure>
  );
}

/** The cluster and the outlier score of the input image, where the model has them. */
function Judgement() {
  const { clusters, outliers } = model.value?.card ?? {};
  const { cluster, outlier } = reading.value ?? {};
  if (!clusters && !outliers) return null;
  return (
    <p class="judgement" data-cluster={JSON.stringify(cluster)} data-outlier={JSON.stringify(outlier)}>
      {clusters && (
        <>
          Cluster <b>{cluster?.index ?? '…'}</b>{' '}
          <span class="quiet">{cluster && `(${Math.floor(100 * cluster.confidence)} %)`}</span>
        </>
      )}
      {clusters && outliers && ' · '}
      {outliers && (
        <>
          Outlier score <b>{outlier ? outlier.score.toFixed(2) : '…'}</b>
          {outlier?.flag && <span class="warn">, flagged</span>}{' '}
          <Hint
            about="the outlier score"
            text={`How rare such an image is among ${counted(outliers.reference.images, 'normal image')}: −log₁₀ of the share that is as unusual, so 1 is one in ten and 2 one in a hundred. Images above percentile ${outliers.flagAbove} are flagged.`}
          />
        </>
      )}
    </p>
  );
}

function Funnel({ name }: { readonly name: 'encoder' | 'decoder' }) {
  return (
    <svg class="funnel" viewBox="0 0 252 18" aria-hidden="true">
      <path d={name === 'encoder' ? 'M1 1H251L190 17H62Z' : 'M62 1H190L251 17H1Z'} />
      <text x="126" y="13" text-anchor="middle">
        {name}
      </text>
    </svg>
  );
}
