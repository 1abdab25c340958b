import { type Distribution, distributions } from '../../state/sampling.ts';
import { latentOrigin, model, sampleFrom } from '../../state/store.ts';
import { Hint } from '../../ui/figure.tsx';
import { distribution, inputLatent, reset, showRandom } from './latent-state.ts';

const names: Readonly<Record<Distribution, string>> = {
  prior: 'prior',
  mixture: 'mixture',
  statistics: 'statistics',
};

/** Random latents, and a reset to the input's latent. */
export function Tools() {
  const found = model.value ? distributions(model.value.card) : [];
  const [first] = found;
  return (
    <div class="tools">
      <button type="button" class="button small primary" onClick={showRandom} disabled={!model.value}>
        Random
      </button>
      {found.length > 1 ? (
        <select
          class="small"
          aria-label="Distribution of random latents"
          value={distribution.value}
          onChange={({ currentTarget: { value } }) => {
            sampleFrom.value = found.find((name) => name === value && name !== first) ?? null;
          }}
        >
          {found.map((name) => (
            <option key={name} value={name}>
              {names[name]}
            </option>
          ))}
        </select>
      ) : (
        first && <span class="say">from {names[first]}</span>
      )}
      <Hint about="a random latent" text={hints[distribution.value]} />
      <button
        type="button"
        class="button small last"
        onClick={reset}
        disabled={!model.value || latentOrigin.value === 'input'}
        title={inputLatent.value ? 'Back to the input’s latent' : 'Back to the mean of the latents'}
      >
        Reset
      </button>
    </div>
  );
}

const hints: Readonly<Record<Distribution, string>> = {
  prior:
    'The prior is the distribution that a variational model is trained towards: each dimension independent, with mean 0 and standard deviation 1. The seed is part of the address, so a link shows the same latent.',
  mixture:
    'The Gaussian mixture was fitted to the latents of training images, so it reflects how latents cluster. The seed is part of the address, so a link shows the same latent.',
  statistics:
    'Each dimension independent, with its mean and standard deviation over the images. The seed is part of the address, so a link shows the same latent.',
};
