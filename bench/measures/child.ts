/** `tsx child.ts TASK FILE SIZE CLUSTERS`: measures once and prints, as JSON, seconds and peak memory. */
import { readFileSync } from 'node:fs';
import { kmeans } from '../../pipeline/analyse/kmeans.ts';
import { nearestNeighbours } from '../../pipeline/analyse/knn.ts';

export interface Measured {
  readonly seconds: number;
  readonly megabytes: number;
}

const [task, file = '', size, clusters] = process.argv.slice(2);
const rows = new Float32Array(readFileSync(file).buffer);
const width = Number(size);
const began = performance.now();
if (task === 'k-means')
  await kmeans(rows, width, { clusters: Number(clusters), restarts: 1, maxIterations: 10, tolerance: 0, seed: 0 });
else await nearestNeighbours(rows, rows.subarray(0, 10_000 * width), width, { k: 10 });
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ seconds, megabytes: process.resourceUsage().maxRSS / 1024 } satisfies Measured));
