import { errorUnits } from '../artifacts/fields.ts';
import type { Outliers } from '../artifacts/outliers.ts';
import type { PictureNote } from '../artifacts/report.ts';
import { type Document, pageOf, textOf } from '../report/document.ts';
import { type Figure, fixed, higher, integer, neither, percent, type Section } from '../report/figures.ts';
import type { Picture } from '../report/pictures.ts';

/** `report.html`. */
export const outliersPage = (report: Outliers, pictures: readonly Picture[]): string =>
  pageOf(documentOf(report, pictures));

/** `report.md`. */
export const outliersText = (report: Outliers): string => textOf(documentOf(report, report.pictures));

/** Names and values of the measures, for a terminal. */
export const outlierRows = (report: Outliers): string[][] => {
  const { flagged, data, threshold, flagAbove, measures } = report;
  const rows = [
    ['flagged', `${integer(flagged)} of ${integer(data.images)}: score above ${fixed(threshold, 2)} (p${flagAbove})`],
  ];
  if (!measures) return rows;
  const { error, distance, score, flags, pixels } = measures;
  const both = ({ auroc, ap }: { auroc: number; ap: number }) => `AUROC ${fixed(auroc, 4)}, AP ${fixed(ap, 4)}`;
  return [
    ...rows,
    ['score', both(score)],
    ...(error ? [['error alone', both(error)]] : []),
    ['distance alone', both(distance)],
    ...(pixels ? [['pixels of the masks', `AUROC ${pixelsOf(pixels).join(', ')}`]] : []),
    [
      'at the threshold',
      `F1 ${fixed(flags.f1, 3)}, precision ${percent(flags.precision)}, recall ${percent(flags.recall)}`,
    ],
  ];
};

const pixelsOf = ({ error, smoothed, dissimilarity }: NonNullable<NonNullable<Outliers['measures']>['pixels']>) => [
  `${fixed(error, 4)} by error`,
  `${fixed(smoothed, 4)} smoothed`,
  `${fixed(dissimilarity, 4)} by 1 − SSIM`,
];

const documentOf = <P extends PictureNote>(report: Outliers, pictures: readonly P[]): Document<P> => {
  const { model, data, reference, normal, seconds, convae } = report;
  const classes = normal ? ` (${normal.join(', ')})` : '';
  return {
    title: `${data.name}: outliers`,
    heading: `Outliers in ${data.name}`,
    summary: `${integer(data.images)} images, by the model ${model.name}`,
    tiles: [
      { name: 'Flagged', value: integer(report.flagged) },
      ...(report.measures ? [{ name: 'AUROC', value: fixed(report.measures.score.auroc, 3) }] : []),
    ],
    sections: sectionsOf(report, pictures),
    notes: report.notes,
    about: `Compared with ${integer(reference.images)} normal images${classes} of ${reference.name}, in ${integer(seconds)} s by convae ${convae}.`,
  };
};

const DISTANCES = {
  mixture: 'how far its latent is from those of training images, by a mixture of normal distributions',
  mahalanobis: 'the Mahalanobis distance of its latent from those of training images',
  knn: 'the mean distance of its latent from the 10 nearest of training images',
} as const;

function sectionsOf<P extends PictureNote>(report: Outliers, pictures: readonly P[]): Section<P>[] {
  const { distance, tails, model, flagAbove, threshold, top } = report;
  const named = (...files: string[]) => pictures.filter(({ file }) => files.includes(file));
  const withError = tails.error
    ? `, and how surprising its ${errorUnits[model.error]} per pixel is for that latent`
    : '';
  return [
    {
      title: 'Scores',
      figures: [
        neither(
          'Score',
          `${fixed(threshold, 2)} at p${flagAbove}`,
          `−log₁₀ of the share of normal images that are as unusual: ${DISTANCES[distance]}${withError}`,
        ),
        ...figuresOf(report),
      ],
      comparison: comparisonOf(report),
      pictures: named('histogram.png'),
    },
    {
      title: 'Images',
      figures: [],
      comparison: {
        head: ['image', 'class', 'error', 'distance', 'score'],
        rows: top.slice(0, 20).map((image) => {
          const error = image.error === null ? '–' : fixed(image.error, 4);
          return [image.id, image.class ?? '–', error, fixed(image.distance, 2), fixed(image.score, 2)];
        }),
        meaning: 'The images with the highest scores',
        better: 'neither',
      },
      pictures: named('top.png', 'maps.png'),
    },
  ];
}

function figuresOf({ measures }: Outliers): Figure[] {
  if (!measures) return [];
  const { normal, abnormal, score, flags, pixels } = measures;
  const images = `${integer(abnormal)} images of other classes against ${integer(normal)} normal ones`;
  return [
    higher(
      'AUROC',
      fixed(score.auroc, 4),
      `Probability that another image has a higher score than a normal one; ${images}`,
    ),
    higher('Average precision', fixed(score.ap, 4), 'Precision, averaged over recall'),
    higher(
      'F1',
      fixed(flags.f1, 3),
      `Of what is flagged: precision ${percent(flags.precision)}, recall ${percent(flags.recall)}, ${percent(flags.falsePositives)} of the normal images`,
    ),
    ...(pixels
      ? [
          higher(
            'AUROC of pixels',
            pixelsOf(pixels).join(', '),
            `Probability that a pixel of a defect is brighter in the error map than another pixel, over ${integer(pixels.images)} images, ${integer(pixels.masked)} of them with a mask of their defect`,
          ),
        ]
      : []),
  ];
}

function comparisonOf({ measures }: Outliers): Section<PictureNote>['comparison'] {
  if (!measures) return undefined;
  const { error, distance, score, classes } = measures;
  const parts = Object.entries({ 'error alone': error, 'distance alone': distance, score });
  return {
    head: ['', 'AUROC', 'average precision', 'flagged'],
    rows: [
      ...parts.flatMap(([name, found]) => (found ? [[name, fixed(found.auroc, 4), fixed(found.ap, 4), '']] : [])),
      ...classes.map(({ name, auroc, images, flagged }) => [
        `class ${name}`,
        fixed(auroc, 4),
        '',
        `${integer(flagged)} of ${integer(images)}`,
      ]),
    ],
    meaning: 'Parts of the score, and the score of each other class against the normal images',
    better: 'higher',
  };
}
