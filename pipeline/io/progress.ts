import { MultiBar, type SingleBar } from 'cli-progress';

/** What training tells while it goes on. */
export interface Progress {
  /** Says something in a line of its own. */
  note(line: string): void;
  /**
   * Training begins.
   * @param images all images of all epochs
   * @param done those of them that were trained on before this process
   */
  start(images: number, done: number, epochs: number): void;
  /** Cheap: called after every step. `done` counts images as `start` does; `epoch` from 1. */
  update(done: number, epoch: number, loss: number): void;
  /** Training has ended, in whatever way. */
  stop(): void;
}

/** Says nothing. */
export const silent: Progress = { note() {}, start() {}, update() {}, stop() {} };

const BAR_MS = 100;
const LINE_MS = 5_000;
/** The rate shown is that of the last seconds. */
const RATE_MS = 3_000;

/** A bar on a terminal, else a plain line every few seconds. */
export function createProgress(
  stream: NodeJS.WriteStream,
  { quiet = false, now = () => performance.now() }: { quiet?: boolean; now?: () => number } = {},
): Progress {
  if (quiet) return silent;
  return stream.isTTY ? bar(stream, now) : lines(stream, now);
}

function lines(stream: NodeJS.WriteStream, now: () => number): Progress {
  let meter: Meter | undefined;
  let shown = now();
  return {
    note: (line) => void stream.write(`${line}\n`),
    start(images, done, epochs) {
      meter = new Meter(images, done, epochs, now);
      shown = now();
    },
    update(done, epoch, loss) {
      if (!meter) return;
      meter.add(done);
      if (now() - shown < LINE_MS) return;
      shown = now();
      const { epochs, percentage, rate, eta } = meter.read();
      stream.write(
        `epoch ${epoch}/${epochs}  ${percentage} %  loss ${loss.toFixed(4)}  ${rate} images/s  ETA ${eta}\n`,
      );
    },
    stop() {},
  };
}

function bar(stream: NodeJS.WriteStream, now: () => number): Progress {
  let meter: Meter | undefined;
  let shown = Number.NEGATIVE_INFINITY;
  let single: SingleBar | undefined;
  const bars = new MultiBar({
    stream,
    format: 'epoch {epoch}/{epochs} {bar} {percentage} %  loss {loss}  {rate} images/s  ETA {eta_text}',
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    gracefulExit: false,
    etaBuffer: 1,
    clearOnComplete: true,
  });
  return {
    note(line) {
      if (single) bars.log(`${line}\n`);
      else stream.write(`${line}\n`);
    },
    start(images, done, epochs) {
      meter = new Meter(images, done, epochs, now);
      single = bars.create(images, done, {
        epoch: Math.floor((done / images) * epochs) + 1,
        epochs,
        loss: '–',
        rate: '–',
        eta_text: '–',
      });
    },
    update(done, epoch, loss) {
      if (!meter || !single) return;
      meter.add(done);
      if (now() - shown < BAR_MS) return;
      shown = now();
      const { rate, eta } = meter.read();
      single.update(done, { epoch, loss: loss.toFixed(4), rate, eta_text: eta });
      bars.update(); // its own timer does not run while an engine blocks the event loop
    },
    stop() {
      if (!single) return;
      bars.update(); // writes the notes that wait
      bars.stop();
      single = undefined;
    },
  };
}

/** Rate and remaining time. */
class Meter {
  readonly #images: number;
  readonly #epochs: number;
  readonly #now: () => number;
  readonly #first: { time: number; done: number };
  #window: { time: number; done: number }[];
  #last: { time: number; done: number };

  constructor(images: number, done: number, epochs: number, now: () => number) {
    this.#images = images;
    this.#epochs = epochs;
    this.#now = now;
    this.#first = { time: now(), done };
    this.#last = this.#first;
    this.#window = [this.#first];
  }

  add(done: number): void {
    this.#last = { time: this.#now(), done };
    if (this.#last.time - (this.#window.at(-1)?.time ?? 0) >= BAR_MS) this.#window.push(this.#last);
    while (this.#window.length > 1 && this.#last.time - (this.#window[1]?.time ?? 0) > RATE_MS) this.#window.shift();
  }

  read(): { epochs: number; percentage: number; rate: string; eta: string } {
    const { time, done } = this.#last;
    const [oldest = this.#first] = this.#window;
    const rate = ((done - oldest.done) / (time - oldest.time)) * 1000;
    // The whole session's pace, evaluations and checkpoints included, foretells the rest best.
    const pace = (time - this.#first.time) / (done - this.#first.done);
    return {
      epochs: this.#epochs,
      percentage: Math.floor((done / this.#images) * 100),
      rate: Number.isFinite(rate) ? rate.toFixed(0) : '–',
      eta: duration((pace * (this.#images - done)) / 1000),
    };
  }
}

/** Seconds as `42 s`, `3:07` or `1:02:09`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
