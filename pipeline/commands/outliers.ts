import { distanceKinds } from '../artifacts/distances.ts';
import { InputError } from '../io/errors.ts';
import { quoted } from '../io/printable.ts';
import { defineCommand } from './command.ts';
import { choice, dataOptionsOf, flag, integers, namesIn, options, pick, readingOptions, text } from './options.ts';
import { seconds } from './output.ts';

export const outliers = defineCommand({
  command: 'outliers <exported>',
  describe: 'Score images by how unusual they are, and flag outliers',
  options: {
    exported: options.exported,
    data: { ...options.data, demandOption: true },
    split: {
      ...options.split,
      defaultDescription: 'of data in parts: test, else val; else all that was not trained on',
    },
    out: { ...text('output folder: outliers.parquet, outliers.json, report and pictures'), demandOption: true },
    reference: {
      ...text('normal images to compare with, as --data takes them; also where the training data have moved'),
      defaultDescription: 'validation images of the training data, or its test images',
    },
    normal: {
      ...text('classes that are normal, with commas between them; the others are abnormal'),
      defaultDescription:
        'good, or else those that the model was trained on, unless they are mere numbers in other data',
      coerce: namesIn,
    },
    distance: {
      ...choice(
        'distance from the training latents: by a mixture of normal distributions, by one, or from the 10 nearest',
        distanceKinds,
      ),
      default: 'mixture' as const,
    },
    'flag-above': {
      ...text('percentile of the reference images above which images are flagged'),
      default: 'p99',
      coerce: parsePercentile,
    },
    ...integers({ top: ['number of images to show, those with the highest scores', '48'] }),
    into: flag('write what is normal into the card of the model, so that `convae encode` writes score and flag'),
    ...readingOptions,
    ...pick('device', 'batch-size', 'threads', 'quiet'),
  },
  examples: {
    'outliers exported/bottle --data bottle --out outliers':
      'test images of a folder with train/good, test/good and test/DEFECT',
    'outliers exported/cae --data photos --flag-above p99.9 --out outliers':
      'flag what one in 1,000 normal images exceeds',
    'outliers exported/cae --data photos --out outliers --into': 'afterwards, `encode` judges images by the card alone',
  },
  async run({ top = 48, flagAbove, ...args }, { signal, note, showStages }) {
    const { findOutliers } = await import('../outliers/outliers.ts');
    return showStages((progress, reading) => {
      const dataOptions = dataOptionsOf(args, { signal, note, progress: reading });
      return findOutliers({ ...args, flagAbove, top, dataOptions, signal, progress });
    });
  },
  async print({ out, report }, { exported, into, distance }) {
    const { outlierRows } = await import('../outliers/report.ts');
    const stored = into
      ? `${exported}/card.json says what is normal: \`convae encode ${quoted(exported)}\` writes score and flag`
      : `to judge images by the card alone, run this again with --into${distance === 'knn' ? ' --distance mixture' : ''}`;
    return {
      rows: [...outlierRows(report), ['time', seconds(report.seconds)], ['report', `${out}/report.html`]],
      notes: [...report.notes, stored],
    };
  },
});

/** `p99.5` or `99.5`. @throws InputError */
function parsePercentile(value: string): number {
  const percentile = /^p?\d+(\.\d+)?$/i.test(value) ? Number(value.replace(/^p/i, '')) : Number.NaN;
  if (percentile > 0 && percentile < 100) return percentile;
  throw new InputError(`--flag-above ${value}: expected a percentile between p0 and p100, such as p99 or p99.9`);
}
