import type { Labelling } from '../artifacts/encoding-plan.ts';
import { UNLABELLED } from './dataset.ts';
import type { ImageEntry, ImageSource, Piece, RawLabel } from './image-source.ts';
import { indexLabels, isMeasure } from './labels.ts';
import { orderOf } from './parts.ts';

/** The labels of images, which are not read for that. */
export interface LabelSurvey {
  readonly images: number;
  readonly labelling: Labelling;
  /** Whether some labels are measures, for which all images are unlabelled. */
  readonly measured: boolean;
  /** The class of a label that was surveyed; −1: it is none. */
  indexOf(label: RawLabel): number;
}

type Labels = AsyncIterable<RawLabel> | Iterable<RawLabel>;

/** What labels are told apart by. */
const keyOf = (label: RawLabel): unknown => (Array.isArray(label) ? JSON.stringify(label) : (label ?? undefined));

/**
 * Counts labels and gives them class indices, as `indexLabels` does for a whole data set; where some are measures, images are
 * unlabelled. Memory grows with the number of
 * different labels only.
 * @param chosen labels of images, in parts
 * @param others labels that only add classes
 * @param classes names that the format knows
 * @param known class names of a trained model: labels take their order where all of the data's are among them
 * @throws InputError as `indexLabels`
 */
export async function surveyLabels(
  chosen: readonly Labels[],
  others: readonly Labels[],
  {
    classes,
    known,
    where,
  }: { classes?: readonly string[] | undefined; known: readonly string[] | undefined; where: string },
): Promise<LabelSurvey> {
  const found = new Map<
    unknown,
    { readonly label: RawLabel; readonly at: number; readonly first: number; count: number }
  >();
  let [images, seen] = [0, 0];
  for (const labels of [...chosen, ...others]) {
    const counts = chosen.includes(labels);
    const add = (label: RawLabel) => {
      const key = keyOf(label);
      const entry = found.get(key) ?? { label, at: found.size, first: seen, count: 0 };
      seen++;
      if (entry.at === found.size) found.set(key, entry);
      if (!counts) return;
      entry.count++;
      images++;
    };
    if (Symbol.iterator in labels) for (const label of labels) add(label);
    else for await (const label of labels) add(label);
  }
  const distinct = [...found.values()];
  const measured = distinct.some(({ label }) => isMeasure(label));
  const numbers = distinct.map(({ first }) => first);
  const indexed = indexLabels(measured ? {} : { all: distinct.map(({ label }) => label) }, { classes, where, numbers });
  const own = indexed.classes;
  const order = known && own && orderOf(own, known);
  const indices = indexed.labels.all?.map((index) => order?.[index] ?? index);
  const labelled = distinct.reduce(
    (sum, { at, count }) => sum + (indices && (indices[at] as number) >= 0 ? count : 0),
    0,
  );
  return {
    ...{ images, measured },
    labelling: {
      classes: order ? [...known] : (own ?? null),
      labelled: labelled === 0 ? 'none' : labelled === images ? 'all' : 'some',
    },
    indexOf: (label) => indices?.[found.get(keyOf(label))?.at ?? -1] ?? UNLABELLED,
  };
}

/** The labels of a source, in the order of its images; a single missing one of plain pixels without labels. */
export function labelsIn(source: ImageSource): Labels {
  const { plain, pieces } = source;
  if (plain) return plain.labels ?? [undefined];
  return pieces ? labelsOfFiles(pieces()) : labelsOfEntries(source.entries());
}

function* labelsOfFiles(pieces: Iterable<Piece>): Generator<RawLabel> {
  for (const piece of pieces) yield piece.kind === 'file' ? piece.label : undefined;
}

/** The labels of entries, none of which is read. */
export async function* labelsOfEntries(
  entries: AsyncIterable<ImageEntry> | Iterable<ImageEntry>,
): AsyncGenerator<RawLabel> {
  for await (const { label } of entries) yield label;
}
