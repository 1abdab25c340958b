import { sha256 } from '../../site/digest.ts';
import { messageOf } from '../../site/problem.ts';
import { problem } from '../../state/store.ts';
import { Button, Check } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { bytes, ofSplit } from '../../ui/format.ts';
import { save } from '../../ui/save.ts';
import { useDigests } from '../../ui/use-digests.ts';
import { bundleOf, zipped } from './bundle.ts';
import type { Training } from './training.ts';

interface Props {
  readonly training: Training;
}

/** Actions on trained weights: use them in the whole page, or download them. */
export function Outcome({ training }: Props) {
  const { exported, history, phase, steps, trained, use, weights } = training;
  const some = trained.value !== null;
  return (
    <section class="stack train-outcome" aria-labelledby="train-outcome">
      <h3 id="train-outcome">The trained weights</h3>
      <Check
        class="row"
        checked={weights.everywhere.value}
        disabled={!some}
        onChoose={(checked) => void use(checked ? 'trained' : 'exported')}
      >
        <span>Use the trained weights everywhere</span>
      </Check>
      <p class="say">
        {weights.everywhere.value
          ? 'Input, reconstruction, sliders and the marker on the map use the trained weights. The map’s points, percentiles and all test figures are still those of the exported model.'
          : 'Your drawing, the sliders and the marker on the map then use them, also during training. The map’s points and all test figures stay those of the exported model.'}
      </p>
      <div class="row">
        <Button disabled={!some || phase.value !== 'paused'} onClick={() => void download(training)}>
          Download the trained model
        </Button>
        <Hint
          about="the trained model"
          text="A zip with encoder.onnx, decoder.onnx, the card, the training step and a note. Unpacked, it is an exported model for convae encode. Dropped on this page, it opens."
        />
        <Button
          disabled={steps.value === 0}
          onClick={() => save(history.value.csv(), `${exported.value?.name ?? 'model'}-losses.csv`)}
        >
          Download losses (CSV)
        </Button>
      </div>
      <FileDigests training={training} />
    </section>
  );
}

/** Digests of the trained files, for comparison. */
function FileDigests({ training: { exported, phase, trained } }: Props) {
  const files = trained.value ?? exported.value?.files ?? null;
  const isStill = phase.value === 'ready' || phase.value === 'paused';
  const digests = useDigests(isStill ? files : null);
  return (
    <dl class="figures train-digests">
      {(['encoder', 'decoder'] as const).map((name) => (
        <div key={name} class="figure">
          <dt>
            {name}.onnx{' '}
            <Hint
              about={`the line on ${name}.onnx`}
              text="The file’s size and the first digits of its SHA-256. Equal digits mean equal weights, for example after a reset."
            />
          </dt>
          <dd data-sha256={digests?.[name] ?? ''}>
            {files ? bytes(files[name].length) : '–'} <code>{digests?.[name]?.slice(0, 12) ?? '–'}</code>
          </dd>
        </div>
      ))}
    </dl>
  );
}

async function download(training: Training): Promise<void> {
  const { exported, exportFiles, images, rate, steps, trained, trainStep } = training;
  const [opened, files, step] = [exported.value, trained.value, trainStep.value];
  if (!opened || !files || !step) return;
  const set = opened.set?.about;
  try {
    const { graph, card } = await exportFiles();
    const about = {
      name: opened.card.model.name,
      steps: steps.value,
      batchSize: step.batchSize,
      own: images.own.value.length,
      sample: images.sample.value.length,
      set: `the ${ofSplit(set?.split ?? 'all', 'images')} of ${set?.name}`,
      rate: rate.value,
    };
    const digest = async (bytes: Uint8Array<ArrayBuffer>) => {
      const found = await sha256(bytes);
      if (found === null) throw new Error('its card needs SHA-256, which browsers compute only over https');
      return found;
    };
    const folder = `${about.name}-trained`;
    const zip = zipped(folder, await bundleOf(card, graph, files, about, digest));
    save(new Blob([zip], { type: 'application/zip' }), `${folder}.zip`);
    training.markSaved();
  } catch (error) {
    problem.value = `the trained model cannot be downloaded: ${messageOf(error)}`;
  }
}
