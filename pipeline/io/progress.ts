import { MultiBar, type SingleBar } from 'cli-progress';
import { printableLine } from './printable.ts';
import type { StageProgress, StageState } from './stages.ts';

const BAR_MS = 100;
const LINE_MS = 5_000;
/** The rate shown is that of the last seconds. */
const RATE_MS = 3_000;
/** Steps of a bar. */
const STEPS = 1000;

/** What training reports while it runs. */
export interface Progress {
  /** Writes a line that stays. */
  note(line: string): void;
  /** The same, also where no progress is wanted. */
  warn(line: string): void;
  /** Shows how many images were read for the first time. */
  readonly reading: Reading;
  /** Shows stages of what comes before training. */
  readonly stage: StageProgress;
  /**
   * Training starts.
   * @param images all images of all epochs
   * @param done those of them that were trained on before this process
   */
  start(images: number, done: number, epochs: number): void;
  /** Cheap enough to call after every step. `done` counts images as `start` does; `epoch` from 1. */
  update(done: number, epoch: number, loss: number): void;
  /** Training has ended, for whatever reason. */
  stop(): void;
}

/** Counts images that are read for the first time; `total` is undefined where it is unknown. */
export type Reading = (done: number, total: number | undefined) => void;

/** Reports nothing. */
export const silent: Progress = { note() {}, warn() {}, reading() {}, stage() {}, start() {}, update() {}, stop() {} };

/** Where progress is shown; `stream` is stderr by default. */
export interface ProgressOutput {
  readonly quiet: boolean;
  readonly stream?: NodeJS.WriteStream;
}

/** Shows the progress of training: a bar on a terminal, otherwise a line every few seconds. */
export function createProgress(
  stream: NodeJS.WriteStream,
  { quiet = false, now = () => performance.now() }: { quiet?: boolean; now?: () => number } = {},
): Progress {
  if (quiet) return { ...silent, warn: (line) => void stream.write(`${printableLine(line)}\n`) };
  const { show, note, stop } = createDisplay(stream, now);
  let update: Progress['update'] = () => {};
  return {
    note,
    warn: note,
    reading: readingWith(show, now),
    stage: stageWith(show),
    start(images, first, epochs) {
      const pace = createMeter(first, now);
      update = (done, epoch, loss) => {
        const share = done / images;
        const lossText = Number.isNaN(loss) ? '–' : loss.toFixed(4);
        const paceText = pace(done, images);
        show(share, () => `epoch ${epoch}/${epochs}  ${Math.floor(share * 100)} %  loss ${lossText}  ${paceText()}`);
      };
      update(first, Math.floor((first / images) * epochs) + 1, Number.NaN);
    },
    update: (done, epoch, loss) => update(done, epoch, loss),
    stop,
  };
}

/** Runs work that reads and counts images, showing its progress. */
export const withCountProgress = <T>(
  output: ProgressOutput,
  work: (progress: (done: number, total: number) => void, reading: Reading) => Promise<T>,
): Promise<T> =>
  withDisplay(output, (show) => {
    let pace: ReturnType<typeof createMeter> | undefined;
    const progress = (done: number, total: number) => {
      pace ??= createMeter(done);
      const paceText = pace(done, total);
      show(done / total, () => `${done}/${total} images  ${paceText()}`);
    };
    return work(progress, readingWith(show));
  });

/** Runs work that reads images and has several stages, showing its progress. */
export const withStageProgress = <T>(
  output: ProgressOutput,
  work: (progress: StageProgress, reading: Reading) => Promise<T>,
): Promise<T> => withDisplay(output, (show) => work(stageWith(show), readingWith(show)));

const stageWith =
  (show: Show): StageProgress =>
  (state) =>
    show(state.total, () => describeStage(state));

/** `reading: 1200/5000 images  830 images/s  ETA 5 s` */
function readingWith(show: Show, now?: () => number): Reading {
  let pace: ReturnType<typeof createMeter> | undefined;
  return (done, total) => {
    pace ??= createMeter(done, now);
    const paceText = pace(done, total ?? done);
    show(total ? done / total : 0, () => `reading: ${done}${total ? `/${total}` : ''} images  ${paceText()}`);
  };
}

/** `2/9 nearest neighbours 43 %  ETA 12 s` */
export function describeStage({ name, number, stages, share, rate, left }: StageState): string {
  const pace = rate ? `  ${rate.toFixed(0)} images/s` : '';
  return `${number}/${stages} ${name} ${Math.floor(share * 100)} %${pace}  ETA ${duration(left ?? Number.NaN)}`;
}

/** Seconds as `42 s`, `3:07` or `1:02:09`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const all = Math.ceil(seconds);
  if (all < 60) return `${all} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

/** @param share finished share of the work, 0 to 1 */
type Show = (share: number, text: () => string) => void;

async function withDisplay<T>(
  { quiet, stream = process.stderr }: ProgressOutput,
  work: (show: Show) => Promise<T>,
): Promise<T> {
  if (quiet) return work(() => {});
  const { show, stop } = createDisplay(stream);
  try {
    return await work(show);
  } finally {
    stop();
  }
}

/** Draws a bar with a text on a terminal, otherwise writes the text as a line every few seconds. */
function createDisplay(stream: NodeJS.WriteStream, now = () => performance.now()) {
  let bars: MultiBar | undefined;
  let bar: SingleBar | undefined;
  let shown: number | undefined;

  const show: Show = (share, text) => {
    const time = now();
    const wait = stream.isTTY ? BAR_MS : LINE_MS;
    shown ??= stream.isTTY ? time - wait : time; // the first line comes after LINE_MS
    if (time - shown < wait) return;
    shown = time;
    if (!stream.isTTY) {
      stream.write(`${printableLine(text())}\n`);
      return;
    }
    bars ??= new MultiBar({
      stream,
      format: '{bar} {text}',
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      hideCursor: true,
      gracefulExit: false,
      clearOnComplete: true,
    });
    bar ??= bars.create(STEPS, 0, { text: '' });
    bar.update(Math.floor(share * STEPS), { text: printableLine(text()) });
    bars.update(); // its own timer does not run while an engine blocks the event loop
  };
  return {
    show,
    note(line: string): void {
      if (bars) bars.log(`${printableLine(line)}\n`);
      else stream.write(`${printableLine(line)}\n`);
    },
    stop(): void {
      bars?.update(); // writes the notes that wait
      bars?.stop();
      bars = undefined;
    },
  };
}

/**
 * Measures images per second and the remaining time.
 * @param first images that were done before
 * @returns a function that counts the finished images, and returns how to describe the pace
 */
function createMeter(first: number, now = () => performance.now()) {
  const start = { time: now(), done: first };
  /** Samples of the last `RATE_MS`, at least `BAR_MS` apart. */
  const recent = [start];
  return (done: number, total: number) => {
    const time = now();
    if (time - (recent.at(-1) ?? start).time >= BAR_MS) recent.push({ time, done });
    while (time - (recent[1]?.time ?? time) > RATE_MS) recent.shift();
    return () => {
      const oldest = recent[0] ?? start;
      const rate = ((done - oldest.done) / (time - oldest.time)) * 1000;
      // The pace of the complete session, evaluations and checkpoints included, predicts the rest best.
      const pace = (time - start.time) / (done - start.done);
      return `${Number.isFinite(rate) ? rate.toFixed(0) : '–'} images/s  ETA ${duration((pace * (total - done)) / 1000)}`;
    };
  };
}
