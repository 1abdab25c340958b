import { type Distribution, distributions } from '../../state/sampling.ts';
import { codeOrigin, model, sampleFrom } from '../../state/store.ts';
import { Hint } from '../../ui/hint.tsx';
import { drawnFrom, home, reset, showRandom } from './latent-state.ts';

const names: Readonly<Record<Distribution, string>> = {
  prior: 'prior',
  mixture: 'mixture',
  statistics: 'spread',
};

/** Random latents, and back to the input's latent. */
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
          aria-label="What random codes are drawn from"
          value={drawnFrom.value}
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
      <Hint about="a random code" text={hints[drawnFrom.value]} />
      <button
        type="button"
        class="button small last"
        onClick={reset}
        disabled={!model.value || codeOrigin.value === 'input'}
        title={home.value ? 'Back to the input’s code' : 'Back to the mean of the codes'}
      >
        Reset
      </button>
    </div>
  );
}

const hints: Readonly<Record<Distribution, string>> = {
  prior:
    'The prior is where a variational model is taught to put its codes: every number on its own, around 0 with a standard deviation of 1. The seed is in the address, so that the same code comes again.',
  mixture:
    'The mixture is a sum of bell curves that was fitted to the codes of the training images: it knows where codes lie together. The seed is in the address, so that the same code comes again.',
  statistics:
    'Every number on its own, with the mean and the standard deviation that it has over the images. The seed is in the address, so that the same code comes again.',
};
