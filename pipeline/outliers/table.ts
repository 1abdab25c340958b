import type { OutlierScores } from '../analyse/outlier-score.ts';
import { percentileOf } from '../analyse/tail.ts';
import type { Encoded, Unusual } from '../analyse/unusual.ts';
import type { Card } from '../artifacts/card.ts';
import type { Outliers } from '../artifacts/outliers.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { writeImageTable } from '../encode/parquet.ts';

/** What was found of each image. */
export interface Scored {
  readonly scores: OutlierScores;
  readonly measured: Unusual & Pick<Encoded, 'errors'>;
  readonly flags: readonly boolean[];
}

/** Writes a row for each image. */
export async function writeTable(
  path: string,
  card: Card,
  data: ImageDataset,
  report: Outliers,
  scored: Scored,
): Promise<void> {
  const { scores, measured, flags } = scored;
  const percentiles = (rarities: Float32Array) => rarities.map(percentileOf);
  const { normal, distance, flagAbove, reference } = report;
  await writeImageTable(path, {
    ids: Array.from({ length: data.length }, (_, i) => data.id(i)),
    ...{ labels: data.labels, classes: data.classes },
    columns: {
      ...(measured.errors && scores.error
        ? { error: measured.errors, error_percentile: percentiles(scores.error) }
        : {}),
      ...{ distance: measured.distances, distance_percentile: percentiles(scores.distance) },
      ...(measured.surprises && { surprise: measured.surprises }),
      ...{ score: scores.score, flag: flags },
    },
    about: {
      model: card.model.name,
      encoder: report.model.encoder,
      data: data.name,
      reference,
      normal,
      distance,
      flagAbove,
    },
  });
}
