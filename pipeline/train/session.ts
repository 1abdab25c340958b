import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunPosition } from '../artifacts/run.ts';
import { InputError, Interrupted } from '../io/errors.ts';
import type { Metrics } from './engine.ts';
import type { TrainHooks, TrainOptions } from './options.ts';
import type { Trained } from './pictures.ts';
import type { Run } from './run.ts';
import type { Targets } from './targets.ts';

/** Everything that stays the same while a process trains; what changes is its `RunPosition`. */
export interface Session extends Trained {
  readonly run: Run;
  readonly options: TrainOptions;
  readonly hooks: TrainHooks;
  /** What a model with clusters learns from. */
  readonly targets?: Targets | undefined;
}

/** Milliseconds of training after which signals and timers get their turn. */
const TURN_MS = 50;
let turned = 0;

/** Yields to the event loop from time to time. @throws Interrupted, after saving, once the signal is aborted */
export async function stopIfAsked(session: Session, at: RunPosition): Promise<void> {
  const { run, plan, hooks } = session;
  if (performance.now() - turned > TURN_MS) {
    await nextTurn(); // signals and timers would wait forever: an engine may never yield to the event loop
    turned = performance.now();
  }
  if (!hooks.signal.aborted) return;
  if (at.step > run.saved.step) await save(session, at);
  const kept = at.step > 0 ? `${run.folder}/latest has it: resume it with --resume` : 'nothing was trained yet';
  const where = `after step ${at.step}, in epoch ${at.epoch + 1} of ${plan.recipe.epochs}`;
  throw new Interrupted(`interrupted ${where}; ${kept}`);
}

/** Publishes a checkpoint. @throws InputError when a variable is not finite: nothing is published then */
export async function save(session: Session, at: RunPosition, { best = false } = {}): Promise<void> {
  const { run, plan, program, engine, targets } = session;
  await engine.pull();
  for (const [name, variable] of Object.entries(program.variables)) {
    if (!(await variable.data()).every(Number.isFinite)) throw diverged(session, `${name} is not finite`, at.step);
  }
  const optimizerState = [...program.optimizerState, ...(targets ? [targets.state] : [])];
  await run.save({ ...program, optimizerState }, plan, at, { best });
}

/** @throws InputError when a loss is not finite */
export function assertFinite(session: Session, metrics: Metrics, step: number): void {
  for (const [name, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) throw diverged(session, `the ${name} became ${value}`, step);
  }
}

function diverged({ run, plan }: Session, what: string, step: number): InputError {
  const { learningRate } = plan.recipe.optimizer;
  const kept = run.saved.step > 0 ? `${run.folder}/latest is of step ${run.saved.step}` : 'there is no checkpoint yet';
  return new InputError(
    `${what} at step ${step}: training diverged; try a lower --learning-rate (it is ${learningRate}) in another run folder; ${kept}`,
  );
}
