import type { RunPosition } from '../artifacts/run.ts';
import { shortSpec } from '../data/formats.ts';
import { counted } from '../io/printable.ts';
import type { Session } from './session.ts';
import { stoppedEarly } from './stopping.ts';
import { REFRESH_STEPS, SETTLED } from './targets.ts';

/** Starts the progress display and reports what is trained and, when a run is resumed, from where. */
export function announce(session: Session, at: RunPosition): void {
  const { run, plan, data, engine, hooks } = session;
  const { size, recipe } = plan;
  const counts = Object.entries({ training: data.train, validation: data.val, test: data.test });
  const parts = counts.flatMap(([kind, part]) => (part ? `${part.length} ${kind}` : []));
  const images = `${parts.join(' + ')} images of ${size.width}×${size.height}×${size.channels}`;
  const training = `${counted(recipe.epochs, 'epoch')}, batch size ${recipe.batchSize}, ${engine.description}`;
  hooks.progress.note(`${plan.model} on ${shortSpec(data.name)}: ${images}, ${training}`);
  const from = `resumes at step ${at.step}, in epoch ${at.epoch + 1} of ${recipe.epochs}`;
  if (run.checkpoint) hooks.progress.note(`${run.folder}: ${ended(session, at) ?? from}`);
  hooks.progress.start(recipe.epochs * data.train.length, imagesDone(session, at), recipe.epochs);
}

/** Why nothing is left to train; undefined where something is. */
export function ended({ plan: { recipe } }: Session, at: RunPosition): string | undefined {
  if (at.epoch >= recipe.epochs) return at.epoch === 1 ? 'its epoch is done' : `all ${at.epoch} epochs are done`;
  if (!stoppedEarly(recipe, at)) return undefined;
  if (at.clusters?.settled) {
    return `stopped after epoch ${at.epoch} of ${recipe.epochs}: in ${REFRESH_STEPS} steps, fewer than ${100 * SETTLED} % of the images changed cluster`;
  }
  return `stopped after epoch ${at.epoch} of ${recipe.epochs}: the validation loss was lowest in epoch ${at.best?.epoch}`;
}

/** Training images of all epochs that were trained on. */
export const imagesDone = ({ plan, data }: Session, { epoch, batches }: RunPosition): number =>
  epoch * data.train.length + Math.min(batches * plan.recipe.batchSize, data.train.length);
