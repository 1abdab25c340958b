import { useMemo } from 'preact/hooks';
import { model } from '../../state/store.ts';
import { short } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { pointClasses, points } from './map-state.ts';

/** The facts about a row: its id, class and error. */
export function factsOf(row: number) {
  const opened = model.value;
  const label = opened?.set?.labels?.[row] ?? null;
  return {
    id: opened?.set?.id(row) ?? String(row),
    label,
    className: label === null ? null : (pointClasses.value[label] ?? null),
    error: points.value?.errors[row] ?? Number.NaN,
  };
}

/** The unit of errors. */
export const errorUnit = () =>
  model.value?.card.model.error === 'binary cross-entropy' ? 'nats per pixel' : 'squared error per pixel';

/** Describes a row in words. */
export function describe(row: number): string {
  const { id, className, error } = factsOf(row);
  return `${className === null ? '' : `${className}, `}image ${id}, error ${short(error)}`;
}

/** The image of a row of the set; an empty one where the site has no images. */
export function ImageOfRow({ row, label }: { readonly row: number; readonly label: string }) {
  const opened = model.value;
  const pixels = useMemo(
    () => (opened?.set && row < opened.set.about.images ? opened.set.pixels(row) : null),
    [opened, row],
  );
  return (
    <PixelImage pixels={pixels} shape={opened?.card.image ?? { height: 1, width: 1, channels: 1 }} label={label} />
  );
}
