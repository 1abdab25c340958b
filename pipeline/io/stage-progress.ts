import { SingleBar } from 'cli-progress';
import { duration } from './progress.ts';
import type { StageProgress, StageState } from './stages.ts';

const BAR_MS = 100;
const LINE_MS = 5_000;
const UNITS = 1000;

/** Does work of several stages, showing on stderr how far it is: a bar on a terminal, else a line every few seconds. */
export async function withStageProgress<T>(
  { quiet, stream = process.stderr }: { quiet: boolean; stream?: NodeJS.WriteStream },
  work: (progress: StageProgress) => Promise<T>,
): Promise<T> {
  if (quiet) return work(() => {});
  if (!stream.isTTY) return work(throttled(LINE_MS, (state) => void stream.write(`${describeStage(state)}\n`)));
  const bar = new SingleBar({
    stream,
    format: '{bar} {stage}',
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    gracefulExit: false,
    clearOnComplete: true,
  });
  bar.start(UNITS, 0, { stage: '' });
  try {
    return await work(
      throttled(BAR_MS, (state) => bar.update(Math.floor(state.total * UNITS), { stage: describeStage(state) })),
    );
  } finally {
    bar.stop();
  }
}

/** `2/9 nearest neighbours 43 %  ETA 12 s` */
export function describeStage({ name, number, stages, share, rate, left }: StageState): string {
  const pace = rate ? `  ${rate.toFixed(0)} images/s` : '';
  return `${number}/${stages} ${name} ${Math.floor(share * 100)} %${pace}  ETA ${duration(left ?? Number.NaN)}`;
}

function throttled(ms: number, show: (state: StageState) => void): StageProgress {
  let shown = ms > BAR_MS ? performance.now() : Number.NEGATIVE_INFINITY;
  return (state) => {
    if (performance.now() - shown < ms) return;
    shown = performance.now();
    show(state);
  };
}
