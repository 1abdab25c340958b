import { type Distribution, distributions } from '../../state/sampling.ts';
import { latentOrigin, model, sampleFrom } from '../../state/store.ts';
import { asOptions, Button, Select, setter } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { useLatent } from './create-latent.ts';

/** Random latents, and a reset to the input's latent. */
export function Tools() {
  const { distribution, inputLatent, reset, showRandom } = useLatent();
  const found = model.value ? distributions(model.value.card) : [];
  const [first] = found;
  return (
    <div class="row tools">
      <Button class="button small primary" onClick={showRandom} disabled={!model.value}>
        Random
      </Button>
      {found.length > 1 ? (
        <Select
          class="small"
          aria-label="Distribution of random latents"
          value={distribution.value}
          options={asOptions(found)}
          onChoose={(name) => setter(sampleFrom)(name === first ? null : name)}
        />
      ) : (
        first && <span class="say">{first}</span>
      )}
      <Hint about="a random latent" text={hints[distribution.value]} />
      <Button
        class="button small last"
        onClick={({ currentTarget }) => {
          reset();
          // The button is disabled then.
          currentTarget.parentElement?.querySelector('button')?.focus();
        }}
        disabled={!model.value || latentOrigin.value === 'input'}
        title={inputLatent.value ? 'Back to the input’s latent' : 'Back to the mean of the latents'}
      >
        Reset
      </Button>
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
