import { zipSync } from 'fflate';
import type { WeightFiles } from '../../engine/protocol.ts';

/** What was trained and how, for the note in the download. */
export interface TrainingSummary {
  readonly name: string;
  readonly steps: number;
  readonly batchSize: number;
  /** Number of images added by the visitor, and number and name of those from a set. */
  readonly own: number;
  readonly sample: number;
  readonly set: string;
  /** The learning rate as a share of the recipe's. */
  readonly rate: number;
}

/** A file of the download. */
export type Bundle = ReadonlyMap<string, Uint8Array>;

/**
 * The folder of a model with trained weights, as `convae export` would have written it: its card has the new files'
 * digests and is otherwise unchanged.
 * @param card the export's card.json
 * @param digest SHA-256 in lower-case hex digits
 */
export async function bundleOf(
  card: unknown,
  graph: Uint8Array,
  trained: WeightFiles,
  about: TrainingSummary,
  digest: (bytes: Uint8Array<ArrayBuffer>) => Promise<string>,
): Promise<Bundle> {
  const files = { 'encoder.onnx': trained.encoder, 'decoder.onnx': trained.decoder };
  const described = await Promise.all(
    Object.entries(files).map(async ([name, bytes]) => [name, { sha256: await digest(bytes), bytes: bytes.length }]),
  );
  const old = card as { readonly model: { readonly summary: string } };
  const summary = `${old.model.summary.replace(/ \(trained further in a browser: \d+ steps\)$/, '')} (trained further in a browser: ${about.steps} steps)`;
  const updated = { ...old, model: { ...old.model, summary }, files: Object.fromEntries(described) };
  const text = (content: string) => new TextEncoder().encode(content);
  return new Map<string, Uint8Array>([
    ['README.txt', text(readme(about))],
    ['card.json', text(`${JSON.stringify(updated, null, 2)}\n`)],
    ...Object.entries(files),
    ['train-step.onnx', graph],
  ]);
}

/** A zip of a folder with the files. Weights do not compress. */
export function zipped(folder: string, files: Bundle): Uint8Array<ArrayBuffer> {
  const inside = Object.fromEntries([...files].map(([name, bytes]) => [`${folder}/${name}`, bytes]));
  return new Uint8Array(zipSync(inside, { level: 0 }));
}

const readme = ({
  name,
  steps,
  batchSize,
  own,
  sample,
  set,
  rate,
}: TrainingSummary): string => `${name}, trained further in a browser

encoder.onnx and decoder.onnx are those of the exported model ${name} after ${steps} more training steps of
${batchSize} images each, drawn from ${[sample > 0 && `${sample} of ${set}`, own > 0 && `${own} added by hand`].filter(Boolean).join(' and ')}, most recently with
${Number(rate.toPrecision(3))} times the learning rate in card.json (training.recipe.optimizer). The optimizer started with fresh state.

card.json has the SHA-256 and the sizes of these two files. All its other figures are still those of the exported
model and do not apply to these weights: metrics, parity, the latent statistics and the mixture of latents.
Do not test the model on images that it was trained on.

train-step.onnx is the unchanged training step: a page of convae resumes training from these weights.

Encode images with it:  convae encode ${name}-trained --data IMAGES --out latents.parquet
Explore it:             drop the zip on a page that \`convae site\` made
`;
