import { Figure } from '../../ui/figure.tsx';
import { grouped, short } from '../../ui/format.ts';
import { lossText, lossUnits, lossUnitText, steady } from '../../ui/loss-units.ts';
import { klWeightOf } from './batches.ts';
import { WINDOW } from './history.ts';
import type { Training } from './training.ts';

const names: Readonly<Record<string, string>> = {
  loss: 'Loss',
  reconstruction: 'Reconstruction',
  kl: 'KL divergence',
  ssim: 'SSIM',
  colour: 'Colour',
};
const hints: Readonly<Record<string, string>> = {
  loss: `What training minimises, on the training images: the mean over the last ${WINDOW} steps.`,
  reconstruction: `The term of the loss that measures how much reconstructions differ from their images: the mean over the last ${WINDOW} steps.`,
  kl: `The term of the loss that measures how far the latents’ distributions are from the prior, a standard normal distribution: the mean over the last ${WINDOW} steps.`,
  ssim: `Structural similarity of images and reconstructions, 1 where they are equal: the mean over the last ${WINDOW} steps.`,
  colour: `The squared error of colour alone, without brightness: the mean over the last ${WINDOW} steps.`,
};

/** Losses, steps and speed of the training in the page. */
export function Numbers({ training }: { readonly training: Training }) {
  const { computing, exported, history, speed, steps, trainStep } = training;
  const { card } = exported.value ?? {};
  const step = trainStep.value;
  if (!card || !step) return null;
  const units = lossUnits(card);
  const count = steps.value;
  const losses = history.value;
  const found = computing.value;
  return (
    <dl class="figures train-numbers">
      {step.losses.map((name) => {
        const value = losses.recent(name);
        return (
          <Figure
            key={name}
            name={names[name] ?? name}
            value={name === 'ssim' ? steady(value) : lossText(value, units)}
            unit={name === 'ssim' ? undefined : lossUnitText(value, units)}
            hint={`${hints[name] ?? 'A term of the loss.'}${name === 'kl' ? ` Its weight in the loss is ${short(klWeightOf(card))}, as in the model’s training.` : ''}`}
          />
        );
      })}
      <Figure
        name="Steps"
        value={grouped(count)}
        hint={`In a step the model sees a batch of ${step.batchSize} images and its weights change a little.`}
      />
      <Figure
        name="Images seen"
        value={grouped(count * step.batchSize)}
        hint={`Steps times the ${step.batchSize} images of a step. The same image may be among them many times.`}
      />
      <Figure
        name="Speed"
        value={speed.value === null ? '–' : grouped(Math.round(speed.value))}
        unit="images per second"
        hint={`Images per second, forward and backward pass.${
          found === null
            ? ''
            : ` Computed ${found.provider === 'webgpu' ? 'on the GPU (WebGPU)' : threads(found.threads)}.`
        }`}
      />
    </dl>
  );
}

const threads = (count: number) => `on the CPU with ${count} ${count === 1 ? 'thread' : 'threads'} (WebAssembly)`;
