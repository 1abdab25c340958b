import { SingleBar } from 'cli-progress';
import { duration } from './progress.ts';

const BAR_MS = 100;
const LINE_MS = 5_000;

type Update = (done: number, total: number) => void;

/** Does work that counts images, showing on stderr how far it is: a bar on a terminal, else a line every few seconds. */
export async function withCountProgress<T>(
  { quiet, stream = process.stderr }: { quiet: boolean; stream?: NodeJS.WriteStream },
  work: (progress: Update) => Promise<T>,
): Promise<T> {
  if (quiet) return work(() => {});
  if (!stream.isTTY) return work(lines(stream));
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} images  {rate} images/s  ETA {left}',
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    gracefulExit: false,
    clearOnComplete: true,
  });
  try {
    return await work(updates(bar));
  } finally {
    bar.stop();
  }
}

function lines(stream: NodeJS.WriteStream): Update {
  const pace = paceOf();
  let shown = performance.now();
  return (done, total) => {
    if (performance.now() - shown < LINE_MS) return;
    shown = performance.now();
    const { rate, left } = pace(done, total);
    stream.write(`${done} of ${total} images  ${rate} images/s  ETA ${left}\n`);
  };
}

function updates(bar: SingleBar): Update {
  const pace = paceOf();
  let shown = Number.NEGATIVE_INFINITY;
  return (done, total) => {
    if (!bar.isActive) bar.start(total, 0, pace(0, total));
    if (performance.now() - shown < BAR_MS && done < total) return;
    shown = performance.now();
    bar.update(done, pace(done, total));
  };
}

/** Images a second since now, and the time that the rest will take at that. */
function paceOf() {
  const began = performance.now();
  return (done: number, total: number) => {
    const rate = (done / (performance.now() - began)) * 1000;
    return { rate: rate.toFixed(0), left: duration((total - done) / rate) };
  };
}
