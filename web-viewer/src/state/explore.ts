import { batch, effect, signal, untracked } from '@preact/signals';
import { judgeOf } from '../../../pipeline/analyse/outlier-score.ts';
import type { Engine } from '../engine/client.ts';
import { latest } from '../engine/latest.ts';
import { errorPercentile } from '../site/points.ts';
import { pixelErrors } from './errors.ts';
import {
  currentLatent,
  decoded,
  engine,
  type InputImage,
  input,
  inputLabel,
  label,
  latentOrigin,
  model,
  type OpenModel,
  reading,
  report,
} from './store.ts';

/** The row of the set to show as soon as its images have come. */
export const awaitedRow = signal<number | null>(null);

let afterAwaited: (() => void)[] = [];

function awaitRow(row: number | null): void {
  awaitedRow.value = row;
  // What was to follow the row awaited before no longer applies.
  afterAwaited = [];
}

/** Does something now, and again when the awaited row, which brings its class, has been shown. */
export function alsoAfterAwaited(work: () => void): void {
  work();
  if (awaitedRow.peek() !== null) afterAwaited.push(work);
}

/** Shows an image on the left; its latent becomes the one on the right, and its class, where known, conditions both sides. */
export function showImage(image: InputImage): void {
  batch(() => {
    awaitRow(null);
    if (image.label !== null) inputLabel.value = image.label;
    label.value = inputLabel.value;
    input.value = image;
    latentOrigin.value = 'input';
  });
}

/** Shows an image of the set, once it has been read. */
export function showRow(row: number): void {
  const { set = null, loading, points, card } = model.value ?? {};
  if (!(row >= 0) || (set ? row >= set.about.images : !loading)) return;
  if (set?.has(row)) {
    showImage({ pixels: set.pixels(row), origin: 'set', row, label: set.label(row) });
    return;
  }
  awaitRow(row);
  const size = card?.latent.size ?? 0;
  // Its latent is known before.
  if (points && row < points.count) showLatent(points.latents.slice(row * size, (row + 1) * size), 'input');
}

/** Shows the row that was awaited. What is shown on the right meanwhile stays. */
function showAwaited(row: number): void {
  const after = afterAwaited;
  const right = { latent: currentLatent.peek(), origin: latentOrigin.peek(), label: label.peek() };
  batch(() => {
    showRow(row);
    if (right.origin !== 'input' && right.latent) {
      showLatent(right.latent, right.origin);
      label.value = right.label;
    }
    for (const work of after) work();
  });
}

/** Changes the class given with the image on the left, whose latent becomes the one on the right again. */
export function setInputClass(index: number): void {
  batch(() => {
    inputLabel.value = index;
    label.value = index;
    latentOrigin.value = 'input';
  });
}

/** Shows a latent `[D]` on the right. */
export function showLatent(latent: Float32Array, origin: typeof latentOrigin.value): void {
  batch(() => {
    latentOrigin.value = origin;
    currentLatent.value = latent;
  });
}

/** Keeps the reconstruction and the decoded image up to date. @returns a function that stops it */
export function startExploring(): () => void {
  // Another model may have been opened meanwhile.
  const reportOf = (by: Engine) => (error: unknown) => {
    if (engine.value === by) report(error);
  };
  const read = latest(async ([by, ...asked]: [Engine, OpenModel, InputImage, number]) => {
    const result = await readImage(by, ...asked).catch(reportOf(by));
    // While the visitor draws, a later image may wait already: then this one is shown meanwhile.
    if (!result || engine.value !== by || !input.value) return;
    batch(() => {
      reading.value = result;
      if (latentOrigin.value === 'input') currentLatent.value = result.latents.latent;
    });
  });
  const decode = latest(async ([by, latents, given]: [Engine, Float32Array, number]) => {
    const image = await by.decode(1, latents, Int32Array.of(given)).catch(reportOf(by));
    if (image && engine.value === by) decoded.value = image;
  });
  const ends = [
    effect(() => {
      const [set, awaited] = [model.value?.set, awaitedRow.value];
      if (!set || awaited === null) return;
      const row = Math.min(awaited, set.about.images - 1);
      if (set.has(row)) untracked(() => showAwaited(row));
      else {
        set.ready([row]).catch(report);
      }
    }),
    effect(() => {
      if (engine.value && model.value && input.value) read([engine.value, model.value, input.value, inputLabel.value]);
      else reading.value = null;
    }),
    effect(() => {
      if (engine.value && model.value && currentLatent.value?.length === model.value.card.latent.size) {
        decode([engine.value, currentLatent.value, label.value]);
      }
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** Encodes and decodes one image. @param classIndex the class, where the model takes one */
async function readImage(engine: Engine, model: OpenModel, image: InputImage, classIndex: number) {
  const { card, points } = model;
  const labels = Int32Array.of(classIndex);
  const latents = await engine.encode(1, image.pixels, labels);
  const reconstruction = await engine.decode(1, latents.latent, labels);
  const errors = pixelErrors(card.model.error, image.pixels, reconstruction, card.image.channels);
  const percentile = points && errorPercentile(points, errors.error);
  const judged = judgeOf(card, true)?.(latents.latent, Float32Array.of(errors.error));
  const outlier = judged ? { score: judged.scores[0] as number, flag: judged.flags[0] as boolean } : null;
  return { image, latents, reconstruction, ...errors, percentile, cluster: clusterOf(latents.cluster), outlier };
}

/** The most probable cluster. */
function clusterOf(probabilities: Float32Array | undefined) {
  if (!probabilities) return null;
  const confidence = Math.max(...probabilities);
  return { index: probabilities.indexOf(confidence), confidence };
}
