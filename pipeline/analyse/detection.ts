import { range } from '../data/rows.ts';

/** How well scores tell positives from negatives. */
export interface Detection {
  /** Area under the ROC curve: the probability that a positive has a higher score than a negative; equal scores count half. */
  readonly auroc: number;
  /** Average precision: Σ (Rₙ − Rₙ₋₁) Pₙ over the thresholds, without interpolation. */
  readonly ap: number;
}

/**
 * Both measures as scikit-learn's `roc_auc_score` and `average_precision_score` define them.
 * @param scores `[n]`, higher for positives
 * @param positive `[n]`; there must be positives and negatives
 * @throws RangeError where all are of one kind
 */
export function detection(scores: ArrayLike<number>, positive: ArrayLike<boolean>): Detection {
  const n = scores.length;
  const order = range(0, n).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  let positives = 0;
  for (let i = 0; i < n; i++) positives += Number(positive[i]);
  const negatives = n - positives;
  if (positives === 0 || negatives === 0) throw new RangeError(`${positives} positives of ${n}`);
  let [found, wrong, area, ap] = [0, 0, 0, 0];
  for (let i = 0; i < n; ) {
    const [foundBefore, wrongBefore] = [found, wrong];
    const score = scores[order[i] as number];
    for (; i < n && scores[order[i] as number] === score; i++) {
      if (positive[order[i] as number]) found++;
      else wrong++;
    }
    area += ((found + foundBefore) / 2) * (wrong - wrongBefore);
    ap += ((found - foundBefore) / positives) * (found / (found + wrong));
  }
  return { auroc: area / (positives * negatives), ap: Math.min(1, ap) }; // sums of shares may round above 1
}

/** What a threshold finds. */
export interface Flagging {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Share of the negatives that are flagged. */
  readonly falsePositives: number;
}

/** As scikit-learn's `precision_score`, `recall_score` and `f1_score`: 0 where nothing is flagged. @param flags `[n]` @param positive `[n]` */
export function flagging(flags: ArrayLike<boolean>, positive: ArrayLike<boolean>): Flagging {
  const counts = { found: 0, missed: 0, wrong: 0, right: 0 };
  for (let i = 0; i < flags.length; i++) {
    if (positive[i]) counts[flags[i] ? 'found' : 'missed']++;
    else counts[flags[i] ? 'wrong' : 'right']++;
  }
  const { found, missed, wrong, right } = counts;
  const share = (part: number, of: number) => (of === 0 ? 0 : part / of);
  return {
    precision: share(found, found + wrong),
    recall: share(found, found + missed),
    f1: share(2 * found, 2 * found + wrong + missed),
    falsePositives: share(wrong, wrong + right),
  };
}
