import { MultiBar, type SingleBar } from 'cli-progress';
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

/** Reports nothing. */
export const silent: Progress = { note() {}, start() {}, update() {}, stop() {} };

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
  if (quiet) return silent;
  const display = new Display(stream, now);
  let update: Progress['update'] = () => {};
  return {
    note: (line) => display.note(line),
    start(images, first, epochs) {
      const meter = new Meter(first, now);
      update = (done, epoch, loss) => {
        meter.add(done);
        const percent = Math.floor((done / images) * 100);
        const lossText = Number.isNaN(loss) ? '–' : loss.toFixed(4);
        display.show(
          done / images,
          () => `epoch ${epoch}/${epochs}  ${percent} %  loss ${lossText}  ${meter.read(images)}`,
        );
      };
      update(first, Math.floor((first / images) * epochs) + 1, Number.NaN);
    },
    update: (done, epoch, loss) => update(done, epoch, loss),
    stop: () => display.stop(),
  };
}

/** Runs work that counts images, showing its progress. */
export const withCountProgress = <T>(
  output: ProgressOutput,
  work: (progress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> =>
  withDisplay(output, (show) => {
    const meter = new Meter(0);
    return work((done, total) => {
      meter.add(done);
      show(done / total, () => `${done}/${total} images  ${meter.read(total)}`);
    });
  });

/** Runs work of several stages, showing its progress. */
export const withStageProgress = <T>(
  output: ProgressOutput,
  work: (progress: StageProgress) => Promise<T>,
): Promise<T> => withDisplay(output, (show) => work((state) => show(state.total, () => describeStage(state))));

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

async function withDisplay<T>(
  { quiet, stream = process.stderr }: ProgressOutput,
  work: (show: Display['show']) => Promise<T>,
): Promise<T> {
  if (quiet) return work(() => {});
  const display = new Display(stream);
  try {
    return await work((share, text) => display.show(share, text));
  } finally {
    display.stop();
  }
}

/** Draws a bar with a text on a terminal, otherwise writes the text as a line every few seconds. */
class Display {
  readonly #stream: NodeJS.WriteStream;
  readonly #now: () => number;
  #bars: MultiBar | undefined;
  #bar: SingleBar | undefined;
  #shown: number | undefined;

  constructor(stream: NodeJS.WriteStream, now = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  /** @param share finished share of the work, 0 to 1 */
  show(share: number, text: () => string): void {
    const { isTTY } = this.#stream;
    const now = this.#now();
    const wait = isTTY ? BAR_MS : LINE_MS;
    this.#shown ??= isTTY ? now - wait : now; // the first line comes after LINE_MS
    if (now - this.#shown < wait) return;
    this.#shown = now;
    if (isTTY) this.#draw(share, text());
    else this.#stream.write(`${text()}\n`);
  }

  note(line: string): void {
    if (this.#bars) this.#bars.log(`${line}\n`);
    else this.#stream.write(`${line}\n`);
  }

  stop(): void {
    this.#bars?.update(); // writes the notes that wait
    this.#bars?.stop();
    this.#bars = undefined;
  }

  #draw(share: number, text: string): void {
    this.#bars ??= new MultiBar({
      stream: this.#stream,
      format: '{bar} {text}',
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      hideCursor: true,
      gracefulExit: false,
      clearOnComplete: true,
    });
    this.#bar ??= this.#bars.create(STEPS, 0, { text });
    this.#bar.update(Math.floor(share * STEPS), { text });
    this.#bars.update(); // its own timer does not run while an engine blocks the event loop
  }
}

/** Images per second and remaining time. */
class Meter {
  readonly #now: () => number;
  readonly #first: Sample;
  #last: Sample;
  /** Samples of the last `RATE_MS`, at least `BAR_MS` apart. */
  readonly #recent: Sample[];

  constructor(done: number, now = () => performance.now()) {
    this.#now = now;
    this.#first = this.#last = { time: now(), done };
    this.#recent = [this.#first];
  }

  add(done: number): void {
    const time = this.#now();
    this.#last = { time, done };
    if (time - (this.#recent.at(-1) as Sample).time >= BAR_MS) this.#recent.push(this.#last);
    while (time - (this.#recent[1]?.time ?? time) > RATE_MS) this.#recent.shift();
  }

  /** @param total images at the end */
  read(total: number): string {
    const { time, done } = this.#last;
    const oldest = this.#recent[0] as Sample;
    const rate = ((done - oldest.done) / (time - oldest.time)) * 1000;
    // The pace of the complete session, evaluations and checkpoints included, predicts the rest best.
    const pace = (time - this.#first.time) / (done - this.#first.done);
    return `${Number.isFinite(rate) ? rate.toFixed(0) : '–'} images/s  ETA ${duration((pace * (total - done)) / 1000)}`;
  }
}

interface Sample {
  readonly time: number;
  readonly done: number;
}
