import type { ImageIndex, SkippedImage } from '../artifacts/image-index.ts';
import type { Preprocessing } from '../artifacts/preprocessing.ts';
import { type DatasetSplits, type ImageDataset, UNLABELLED } from './dataset.ts';
import type { OpenedSplits } from './open.ts';
import { skippedIn } from './prepare.ts';

/** Images of a part, by class name, and how many have no label. */
interface PartSummary {
  readonly images: number;
  readonly classes: Readonly<Record<string, number>>;
  readonly unlabelled: number;
}

/** What a data set contains and what was done to it, for people and machines. */
export interface DataSummary {
  readonly name: string;
  readonly splits: { readonly [part in 'train' | 'val' | 'test']?: PartSummary };
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Numbers before scaling, and pixels after it (0–255). */
  readonly range: {
    readonly found: readonly [number, number];
    readonly scaled: readonly [number, number];
    readonly mean: number;
  };
  readonly skipped: readonly SkippedImage[];
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
  /** The numbers before scaling, by type, and how they were scaled. */
  readonly numbers: ImageIndex['range']['found'];
  readonly preprocessing: Preprocessing;
  readonly sizes: ImageIndex['sizes'];
  /** How many images are in colour, and have transparent pixels. */
  readonly coloured: number;
  readonly transparent: number;
  readonly duplicates: ImageIndex['duplicates'];
}

export function summaryOf({ name, index, ...parts }: OpenedSplits): DataSummary {
  const { preprocessing, range, warnings, notes, sizes, coloured, transparent, duplicates } = index;
  const { height, width, channels } = preprocessing;
  const splits = Object.fromEntries(namedParts(parts).map(([part, dataset]) => [part, countsOf(dataset)]));
  const min = Math.min(...range.found.map((found) => found.min));
  const max = Math.max(...range.found.map((found) => found.max));
  return {
    name,
    splits,
    ...{ height, width, channels },
    range: { found: [min, max], scaled: range.scaled, mean: range.mean },
    skipped: skippedIn(index),
    ...{ warnings, notes, preprocessing, sizes, coloured, transparent, duplicates },
    numbers: range.found,
  };
}

const namedParts = (parts: Pick<DatasetSplits, 'train' | 'val' | 'test'>) =>
  (['train', 'val', 'test'] as const).flatMap((name) => {
    const dataset = parts[name];
    return dataset ? [[name, dataset] as const] : [];
  });

function countsOf({ length, labels, classes }: ImageDataset): PartSummary {
  const counts = new Float64Array(classes?.length ?? 0);
  let unlabelled = labels ? 0 : length;
  for (const label of labels ?? []) {
    if (label === UNLABELLED) unlabelled++;
    else (counts[label] as number)++;
  }
  return {
    images: length,
    classes: Object.fromEntries(classes?.map((name, i) => [name, counts[i] ?? 0]) ?? []),
    unlabelled,
  };
}

/** Classes that a line names. */
const MOST_CLASSES = 10;
/** Unreadable images that the lines name. */
const MOST_SKIPPED = 5;

type Row = [what: string, line: string];

/** Rows on what is left out, or may not be as expected. */
export const OF_WARNING: readonly string[] = ['skipped', 'note', 'warning'];

/** The summary as rows of two cells. */
export function summaryRows(summary: DataSummary): Row[] {
  const { height, width, channels, splits: parts, range, skipped, warnings, notes } = summary;
  const { preprocessing, sizes, numbers, coloured, transparent, duplicates } = summary;
  const entries = Object.entries(parts);
  const total = entries.reduce((sum, [, { images }]) => sum + images, 0);
  const counts = entries.map(([name, { images }]) => `${number(images)} ${name}`).join(' + ');
  const [first] = sizes;
  const fitted = sizes.length > 1 || (first && first.size !== `${width}x${height}`);
  const stored = sizes
    .slice(0, 3)
    .map(({ size, images }) => `${size} (${number(images)})`)
    .join(', ');
  const classes = entries.flatMap(([name, { classes, unlabelled, images }]): Row[] => {
    const known = Object.entries(classes);
    if (unlabelled === images && known.length === 0) return [];
    const some = known.slice(0, MOST_CLASSES).map(([label, count]) => `${label} ${number(count)}`);
    const rest = known.length > MOST_CLASSES ? [`… ${known.length} classes`] : [];
    return [
      [`classes, ${name}`, [...some, ...rest, ...(unlabelled ? [`unlabelled ${number(unlabelled)}`] : [])].join(', ')],
    ];
  });
  const copies = duplicates.within + duplicates.across;
  return [
    ['images', `${counts}, each ${width}×${height} ${channels === 1 ? 'gray' : 'RGB'}`],
    ...(classes.length > 0 ? classes : [['classes', 'none: the images have no labels'] as Row]),
    ...(fitted
      ? [
          [
            'sizes',
            `${stored}${sizes.length > 3 ? ' …' : ''}; fitted to ${width}×${height} (${preprocessing.fit})`,
          ] as Row,
        ]
      : []),
    [
      'colour',
      `${number(coloured)} of ${number(total)} in colour${transparent ? `, ${number(transparent)} with transparency, on ${preprocessing.background}` : ''}`,
    ],
    ...numbers.map(
      ({ type, min, max, rule, from }): Row => [
        'range',
        `${type}, ${short(min)} to ${short(max)}: ${rule}, ${short(from[0])} is black and ${short(from[1])} white`,
      ],
    ),
    ['pixels', `${range.scaled[0]} to ${range.scaled[1]} of 255, mean ${short(range.mean)}`],
    [
      'duplicates',
      copies === 0 ? 'none' : `${number(duplicates.within)} within a part, ${number(duplicates.across)} across parts`,
    ],
    ...skipped.slice(0, MOST_SKIPPED).map(({ file, reason }): Row => ['skipped', `${file}: ${reason}`]),
    ...(skipped.length > MOST_SKIPPED ? [['skipped', `… ${number(skipped.length)} images in all`] as Row] : []),
    ...notes.map((note): Row => ['note', note]),
    ...warnings.map((warning): Row => ['warning', warning]),
  ];
}

/** The summary as lines `what: …`. */
export const summaryLines = (summary: DataSummary): string[] =>
  summaryRows(summary).map(([what, line]) => `${what}: ${line}`);

const number = (value: number) => value.toLocaleString('en');
const short = (value: number) => String(Number(value.toPrecision(5)));
