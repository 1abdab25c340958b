import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../../site/problem.ts';
import type { OpenModel } from '../../state/store.ts';
import { type Epoch, readHistory } from './history.ts';
import { type EpochPicture, Pictures } from './pictures.ts';

/** The site's record of a model's training. */
export interface Training {
  readonly history: readonly Epoch[];
  readonly pictures: Pictures;
  /** All recorded epochs, ascending. */
  readonly epochs: readonly number[];
}

/** What a promise brings, or its error as a message; null until then. A result stays until the next one comes. */
function useResult<T>(start: () => Promise<T>, inputs: readonly unknown[]): T | string | null {
  const [result, setResult] = useState<T | string | null>(null);
  useEffect(() => {
    let wanted = true;
    void start()
      .catch(messageOf)
      .then((value) => {
        if (wanted) setResult(value);
      });
    return () => {
      wanted = false;
    };
  }, inputs);
  return result;
}

/** Fetches the record of a training. @returns the record, an error message, or null while loading or where there is none */
export function useTraining({ manifest: { training }, source, card }: OpenModel): Training | string | null {
  const read = async (): Promise<Training | string | null> => {
    if (!training) return null;
    const history = readHistory(new TextDecoder().decode(await source.read(training.metrics)));
    const pictures = new Pictures(source, training.pictures, card.image);
    const epochs = [...new Set([...history.map(({ epoch }) => epoch), ...pictures.epochs])].sort((a, b) => a - b);
    return epochs.length > 0 ? { history, pictures, epochs } : 'the record is empty';
  };
  return useResult(read, [source]);
}

/** The picture of an epoch; the previous one while it loads. @returns the picture, or an error message */
export function usePicture(pictures: Pictures, epoch: number | null): EpochPicture | string | null {
  const picture = useResult(async () => (epoch === null ? null : pictures.get(epoch)), [pictures, epoch]);
  useEffect(() => {
    if (picture && typeof picture !== 'string') void pictures.prepare(picture.epoch);
  }, [pictures, picture]);
  return picture;
}
