import { Button, Range, setter } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { grouped } from '../../ui/format.ts';
import type { Training } from './training.ts';

interface Props {
  readonly training: Training;
}

const [LEAST, MOST, STEP] = [-2, 1, 0.25];

/** Start, pause, reset, and the learning rate. */
export function Controls({ training }: Props) {
  const { images, message, pause, phase, reset, start } = training;
  const now = phase.value;
  const busy = now === 'running' || now === 'starting' || now === 'pausing';
  return (
    <section class="stack train-controls" aria-label="Training">
      <div class="row">
        <Button
          class="button primary"
          disabled={!busy && (images.isEmpty.value || now === 'broken')}
          onClick={() => (busy ? pause() : void start())}
        >
          {busy ? 'Pause' : now === 'ready' ? 'Start training' : 'Resume'}
        </Button>
        <Button
          aria-label="Reset the weights"
          disabled={now === 'ready'}
          onClick={(event) => {
            // The button is disabled after a reset, so move the focus.
            (event.currentTarget.previousElementSibling as HTMLElement | null)?.focus();
            void reset();
          }}
        >
          Reset
        </Button>
      </div>
      <p class="say" role="status">
        {statusText(training)}
      </p>
      {message.value && (
        <p class="train-message warn" role="alert">
          {message.value}
        </p>
      )}
      <Rate training={training} />
    </section>
  );
}

/** Two significant digits, without an exponent while that is readable. */
const digits = (value: number) => String(Number(value.toPrecision(2)));

function statusText({ images, phase, steps }: Training): string {
  if (phase.value === 'starting') return 'Loading the training step…';
  if (phase.value === 'running') return 'Training. It continues in the other tabs.';
  if (phase.value === 'pausing') return 'Pausing…';
  if (phase.value === 'broken') return `Stopped at step ${grouped(steps.value)}.`;
  if (phase.value === 'paused') return `Paused after ${grouped(steps.value)} steps.`;
  return images.isEmpty.value ? 'Choose training images first.' : 'The weights are as exported.';
}

function Rate({ training: { exported, rate } }: Props) {
  const { optimizer } = exported.value?.card.training.recipe ?? {};
  if (!optimizer) return null;
  const share = digits(rate.value);
  const result = digits(rate.value * optimizer.learningRate);
  return (
    <div class="train-rate">
      <label for="train-rate">Learning rate</label>
      <Hint
        about="the learning rate"
        text={`How far the weights move in a step. The model was trained with ${digits(optimizer.learningRate)} (${optimizer.name}). Too high a rate ruins it within a few steps.`}
      />
      <output for="train-rate">
        <b>{result}</b> <span class="quiet">{share}×</span>
      </output>
      <Range
        id="train-rate"
        min={LEAST}
        max={MOST}
        step={STEP}
        value={Math.log10(rate.value)}
        aria-valuetext={`${result}, ${share} times that of the model’s training`}
        onChoose={(power) => setter(rate)(10 ** power)}
      />
    </div>
  );
}
