import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clusterAgreement } from '../../pipeline/analyse/clustering.ts';
import { peerPython } from '../data/support.ts';
import { needsPeer, peerScript } from './support.ts';

const peer = peerScript();
const of = (clusters: number[], labels: number[]) =>
  clusterAgreement(Int32Array.from(clusters), Int32Array.from(labels));

function* permutations(numbers: number[]): Generator<number[]> {
  if (numbers.length === 0) yield [];
  for (const first of numbers)
    for (const rest of permutations(numbers.filter((number) => number !== first))) yield [first, ...rest];
}

test('by hand', () => {
  expect(of([7, 7, -2, -2], [0, 0, 1, 1])).toEqual({ accuracy: 1, nmi: 1, ari: 1 });
  // One class split: the clusters tell ln 2, the entropies are ln 2 and 1.5 ln 2; one pair of two together in both.
  const split = of([0, 0, 1, 2], [0, 0, 1, 1]);
  expect(split.accuracy).toBe(0.75);
  expect(split.nmi).toBeCloseTo(0.8, 12);
  expect(split.ari).toBeCloseTo((1 - 2 / 6) / (1.5 - 2 / 6), 12);
  const crossed = of([0, 1, 0, 1], [0, 0, 1, 1]);
  expect(crossed).toEqual({ accuracy: 0.5, nmi: 0, ari: expect.closeTo(-0.5, 12) });
  expect(of([3, 3, 3], [1, 1, 1])).toEqual({ accuracy: 1, nmi: 1, ari: 1 });
  expect(of([0, 1, 2], [5, 6, 7])).toEqual({ accuracy: 1, nmi: 1, ari: 1 });
  expect(of([0, 0, 0, 0], [0, 1, 2, 3])).toEqual({ accuracy: 0.25, nmi: 0, ari: 0 });
  expect(of([0], [4])).toEqual({ accuracy: 1, nmi: 1, ari: 1 });
  expect(() => of([0, 1], [0])).toThrow('2 clusters, 1 labels');
  expect(() => of([], [])).toThrow(RangeError);
});

test('the accuracy is that of the best of all assignments', () => {
  const five = [...permutations([0, 1, 2, 3, 4])];
  const numbers = (n: number) => fc.array(fc.integer({ min: 0, max: 4 }), { minLength: n, maxLength: n });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }).chain((n) => fc.tuple(numbers(n), numbers(n))),
      ([clusters, labels]) => {
        const shares = five.map((name) => clusters.filter((c, i) => name[c] === labels[i]).length / clusters.length);
        expect(of(clusters, labels).accuracy).toBeCloseTo(Math.max(...shares), 12);
      },
    ),
  );
});

test.runIf(peerPython)(`scikit-learn and scipy agree ${needsPeer}`, () => {
  const cases = [
    [50, 3, 3],
    [1000, 10, 10],
    [1000, 20, 10],
    [300, 4, 12],
    [20, 1, 5],
    [20, 5, 1],
  ].map(([n = 0, clusters = 0, classes = 0], seed) => {
    const labels = Int32Array.from({ length: n }, (_, i) => (i * i + seed) % classes);
    // Follows the labels two times of three.
    return { labels, clusters: labels.map((label, i) => (i % 3 ? label * 7 + 1 : i) % clusters) };
  });
  const theirs = peer<number[][]>(
    `
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
def of(clusters, labels):
    table = contingency_matrix(clusters, labels)
    return [float(table[linear_sum_assignment(-table)].sum() / len(labels)),
        float(normalized_mutual_info_score(labels, clusters)), float(adjusted_rand_score(labels, clusters))]
print(json.dumps([of(given[f'clusters{i}'], given[f'labels{i}']) for i in range(${cases.length})]))`,
    Object.fromEntries(
      cases.flatMap(({ clusters, labels }, i) => [
        [`clusters${i}`, clusters],
        [`labels${i}`, labels],
      ]),
    ),
  );
  cases.forEach(({ clusters, labels }, i) => {
    const { accuracy, nmi, ari } = clusterAgreement(clusters, labels);
    const [theirAccuracy = Number.NaN, theirNmi = Number.NaN, theirAri = Number.NaN] = theirs[i] ?? [];
    expect(accuracy).toBeCloseTo(theirAccuracy, 12);
    expect(nmi).toBeCloseTo(theirNmi, 10);
    expect(ari).toBeCloseTo(theirAri, 10);
  });
});
