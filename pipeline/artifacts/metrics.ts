import * as z from 'zod/mini';

/** Means per pixel over a batch or an epoch: `loss`, `reconstruction` and, for VAEs, `kl`. */
export type Metrics = Readonly<Record<string, number>>;

/** One line of `metrics.jsonl`: means of metrics, which are additional keys. */
export const metricsLine = z.looseObject({
  split: z.enum(['train', 'val', 'test']),
  /** `steps`: training since the previous line. `epoch`: training during the epoch, or an evaluation after it. */
  span: z.enum(['steps', 'epoch']),
  /** Epochs counted from 1, and completed training steps. */
  epoch: z.int(),
  step: z.int(),
  images: z.int(),
  /** Training images per second, without evaluation and checkpoints. */
  rate: z.optional(z.number()),
  /** Seconds since 1970. */
  time: z.number(),
  loss: z.number(),
});

/** A line as convae writes it: its metrics are numbers. */
export const writtenLine = z.catchall(z.object(metricsLine.shape), z.nullable(z.number()));

export type MetricsLine = z.infer<typeof metricsLine>;

/** A line as a TensorBoard event: tags such as `loss/val` and `loss/test`; training has `loss/steps` and `loss/epoch`. */
export function eventOf({ split, span, epoch: _, step, images: __, time, ...numbers }: MetricsLine) {
  const curve = split === 'train' ? span : split;
  const entries = Object.entries(numbers).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  return { time, step, scalars: Object.fromEntries(entries.map(([name, value]) => [`${name}/${curve}`, value])) };
}

/** Sums of metrics over images, from which means are computed. */
export interface MetricSums {
  readonly images: number;
  readonly sums: Metrics;
}

export const noSums: MetricSums = { images: 0, sums: {} };

/** Adds the means over `count` images. */
export function addMetrics({ images, sums }: MetricSums, metrics: Metrics, count: number): MetricSums {
  const added: Record<string, number> = {};
  for (const [name, mean] of Object.entries(metrics)) added[name] = (sums[name] ?? 0) + mean * count;
  return { images: images + count, sums: added };
}

export const meansOf = ({ images, sums }: MetricSums): Metrics =>
  Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / images]));

/** Images per second, over the time spent on them. */
export class Stopwatch {
  #images = 0;
  #ms = 0;

  add(images: number, ms: number): void {
    this.#images += images;
    this.#ms += ms;
  }

  get ms(): number {
    return this.#ms;
  }

  /** Rounded to a tenth; 0 before the first `add`. */
  get rate(): number {
    return this.#ms > 0 ? Math.round((this.#images / this.#ms) * 10_000) / 10 : 0;
  }

  reset(): void {
    this.#images = this.#ms = 0;
  }
}
