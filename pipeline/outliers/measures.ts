import { detection, flagging } from '../analyse/detection.ts';
import type { OutlierScores } from '../analyse/outlier-score.ts';
import type { Outliers } from '../artifacts/outliers.ts';
import type { ImageDataset } from '../data/dataset.ts';

/** Classes that are compared one by one, at most. */
const MOST_CLASSES = 100;

/**
 * How well scores tell the images of other classes from those of normal classes. Images without a label do not count.
 * @param normal labels of the normal classes
 * @returns undefined where there are no images of one kind
 */
export function measuresOf(
  { labels, classes }: Pick<ImageDataset, 'labels' | 'classes'>,
  normal: readonly number[],
  { error, distance, score }: OutlierScores,
  flags: readonly boolean[],
): Outliers['measures'] {
  const rows = Array.from(labels ?? [], (label, row) => ({ label, row })).filter(({ label }) => label >= 0);
  const isAbnormal = ({ label }: { label: number }) => !normal.includes(label);
  const abnormal = rows.map(isAbnormal);
  const others = rows.filter(isAbnormal);
  const good = rows.filter((each) => !isAbnormal(each));
  if (others.length === 0 || good.length === 0) return null;
  const of = (values: Float32Array) =>
    detection(
      rows.map(({ row }) => values[row] as number),
      abnormal,
    );
  const byClass = [...new Set(others.map(({ label }) => label))].sort((a, b) => a - b);
  return {
    normal: good.length,
    abnormal: others.length,
    error: error ? of(error) : null,
    distance: of(distance),
    score: of(score),
    flags: flagging(
      rows.map(({ row }) => flags[row] === true),
      abnormal,
    ),
    classes: byClass.slice(0, MOST_CLASSES).map((label) => {
      const own = others.filter((each) => each.label === label);
      const compared = [...own, ...good];
      return {
        name: classes?.[label] ?? String(label),
        images: own.length,
        auroc: detection(
          compared.map(({ row }) => score[row] as number),
          compared.map(isAbnormal),
        ).auroc,
        flagged: own.filter(({ row }) => flags[row]).length,
      };
    }),
  };
}
