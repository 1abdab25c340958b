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

/** Fetches the record of a training. @returns the record, an error message, or null while loading */
export function useTraining(model: OpenModel): Training | string | null {
  const [found, setFound] = useState<Training | string | null>(null);
  useEffect(() => {
    let wanted = true;
    setFound(null);
    const { training } = model.manifest;
    if (!training) return undefined;
    const read = async (): Promise<Training | string> => {
      const history = readHistory(new TextDecoder().decode(await model.source.read(training.metrics)));
      const pictures = new Pictures(model.source, training.pictures, model.card.image);
      const epochs = [...new Set([...history.map(({ epoch }) => epoch), ...pictures.epochs])].sort((a, b) => a - b);
      return epochs.length > 0 ? { history, pictures, epochs } : 'the record is empty';
    };
    void read()
      .catch(messageOf)
      .then((value) => {
        if (wanted) setFound(value);
      });
    return () => {
      wanted = false;
    };
  }, [model]);
  return found;
}

/** The picture of an epoch; the previous one while it loads. @returns the picture, or an error message */
export function usePicture(pictures: Pictures, epoch: number | null): EpochPicture | string | null {
  const [shown, setShown] = useState<EpochPicture | string | null>(null);
  useEffect(() => {
    if (epoch === null) return undefined;
    let wanted = true;
    void pictures
      .get(epoch)
      .catch(messageOf)
      .then((picture) => {
        if (wanted) setShown(picture);
        return wanted ? pictures.prepare(epoch) : undefined;
      })
      .catch(() => undefined);
    return () => {
      wanted = false;
    };
  }, [pictures, epoch]);
  return shown;
}
