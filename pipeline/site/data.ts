import type { Card } from '../artifacts/card.ts';
import type { DatasetSplits, ImageDataset } from '../data/dataset.ts';
import { openSplits, type Split } from '../data/open.ts';
import { range } from '../data/rows.ts';
import { subset, trainThenTest } from '../data/split.ts';
import { InputError } from '../io/errors.ts';
import type { Subject } from './subjects.ts';

/** The images of a site that belong to a model. */
export interface Part {
  readonly dataset: ImageDataset;
  readonly fingerprint: string;
}

interface Opened {
  readonly splits: DatasetSplits;
  /** Parts by what was cut of them, so that nothing is read and hashed twice. */
  readonly parts: Map<string, Promise<Part>>;
}

/** The data sets that models were trained on, each opened once. */
export class DataSources {
  readonly #given: readonly string[];
  readonly #opened = new Map<string, Opened>();

  /** @param given what `--data` was given */
  constructor(given: readonly string[]) {
    this.#given = given;
  }

  /**
   * The images that a model was tested on, trained on, or both: among the given data, or under the name that its card has.
   * @throws InputError when given data cannot be opened, or none is that of the model
   */
  async find({ exported, card }: Subject, split: Split): Promise<Part> {
    const { name, test } = card.dataset;
    for (const spec of this.#given) {
      const found = await this.#partOf(await this.#open(spec), card, 'test');
      if (found.fingerprint === test.fingerprint) return this.#partOf(await this.#open(spec), card, split);
    }
    const named = await this.#open(name).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
    });
    if (named && (await this.#partOf(named, card, 'test')).fingerprint === test.fingerprint) {
      return this.#partOf(named, card, split);
    }
    const where = this.#given.length > 0 ? `not in ${this.#given.join(', ')}` : 'not found here';
    throw new InputError(
      `${exported}: the ${test.images} test images of ${name}, which it was trained with, are ${where}; give that data set with --data`,
    );
  }

  async #open(spec: string): Promise<Opened> {
    const known = this.#opened.get(spec);
    if (known) return known;
    const opened = { splits: await openSplits(spec), parts: new Map() };
    this.#opened.set(spec, opened);
    return opened;
  }

  #partOf({ splits, parts }: Opened, { dataset }: Card, split: Split): Promise<Part> {
    const counts = { train: dataset.train.images, test: dataset.test.images };
    const key = split === 'all' ? `all ${counts.train} ${counts.test}` : `${split} ${counts[split]}`;
    const part = parts.get(key) ?? cut(splits, counts, split);
    parts.set(key, part);
    return part;
  }

  async close(): Promise<void> {
    const sets = [...this.#opened.values()].flatMap(({ splits }) => [splits.train, splits.test]);
    await Promise.all(sets.map((set) => set.close()));
  }
}

/** A part, of which training may have used the first so many images alone. */
async function cut(splits: DatasetSplits, counts: { train: number; test: number }, split: Split): Promise<Part> {
  const first = (set: ImageDataset, count: number) =>
    count < set.length ? subset(set, set.name, range(0, count)) : set;
  const [train, test] = [first(splits.train, counts.train), first(splits.test, counts.test)];
  const dataset = split === 'all' ? trainThenTest({ name: splits.name, train, test }) : { train, test }[split];
  return { dataset, fingerprint: await dataset.fingerprint() };
}
