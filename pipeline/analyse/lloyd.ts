/**
 * The state of Lloyd's iterations. Distances that cannot change an assignment are not computed, since the triangle
 * inequality bounds them (Elkan 2003, "Using the triangle inequality to accelerate k-means", without the distances between
 * centres). The assignments are those of comparing every row with every centre.
 * @param start the initial centres, `[clusters, size]`
 */
export function lloyd(rows: Float32Array, size: number, start: Float64Array) {
  const n = rows.length / size;
  const clusters = start.length / size;
  const centres = start.slice();
  /** `[n]`; −1 before the first `reassign`. */
  const assignment = new Int32Array(n).fill(-1);
  /** Upper bound on each row's distance from its centre, `[n]`. */
  const upper = new Float64Array(n);
  /** Lower bound on each row's distance from each centre, `[n, clusters]`. */
  const lower = new Float64Array(n * clusters);
  /** Distance by which each centre moved last. */
  const drift = new Float64Array(clusters);
  /** Sums and numbers of the clusters' rows. */
  const sums = new Float64Array(start.length);
  const counts = new Float64Array(clusters);

  const distanceOf = (row: number, cluster: number): number => {
    let sum = 0;
    for (let a = row * size, b = cluster * size, end = a + size; a < end; a++, b++) {
      const difference = (rows[a] as number) - (centres[b] as number);
      sum += difference * difference;
    }
    return Math.sqrt(sum);
  };

  const move = (row: number, to: number): void => {
    const from = assignment[row] as number;
    assignment[row] = to;
    counts[to] = (counts[to] as number) + 1;
    if (from >= 0) counts[from] = (counts[from] as number) - 1;
    for (let j = 0; j < size; j++) {
      const value = rows[row * size + j] as number;
      sums[to * size + j] = (sums[to * size + j] as number) + value;
      if (from >= 0) sums[from * size + j] = (sums[from * size + j] as number) - value;
    }
  };

  /** Assigns the rows `from` to before `to` to their nearest centres; returns how many changed. */
  const reassign = (from: number, to: number): number => {
    let moved = 0;
    for (let row = from; row < to; row++) {
      const own = assignment[row] as number;
      const at = row * clusters;
      let best = Math.max(own, 0);
      let known = own < 0;
      let distance = known ? distanceOf(row, 0) : (upper[row] as number) + (drift[own] as number);
      if (own < 0) lower[at] = distance;
      for (let c = 0; c < clusters; c++) {
        const bound = (lower[at + c] as number) - (drift[c] as number);
        lower[at + c] = bound;
        if (c === best || bound >= distance) continue;
        if (!known) {
          known = true;
          distance = distanceOf(row, own);
          lower[at + own] = distance + (own > c ? (drift[own] as number) : 0); // the loop subtracts its drift later
          if (bound >= distance) continue;
        }
        const other = distanceOf(row, c);
        lower[at + c] = other;
        if (other < distance) {
          distance = other;
          best = c;
        }
      }
      upper[row] = distance;
      if (best === own) continue;
      move(row, best);
      moved++;
    }
    return moved;
  };

  /** Gives each empty cluster the row farthest from its centre. */
  const fillEmpty = (): void => {
    for (let empty = counts.indexOf(0); empty >= 0; empty = counts.indexOf(0, empty + 1)) {
      let farthest = { row: -1, distance: 0 };
      assignment.forEach((own, row) => {
        if (counts[own] === 1) return;
        const distance = distanceOf(row, own);
        if (distance > farthest.distance) farthest = { row, distance };
      });
      if (farthest.row < 0) return; // there are fewer distinct rows than clusters
      move(farthest.row, empty);
      upper[farthest.row] = distanceOf(farthest.row, empty);
    }
  };

  /** Moves the centres to the means of their rows; returns the sum of the squared shifts. */
  const moveCentres = (): number => {
    fillEmpty();
    let total = 0;
    for (let c = 0; c < clusters; c++) {
      const count = counts[c] as number;
      let shift = 0;
      for (let i = c * size; count > 0 && i < (c + 1) * size; i++) {
        const mean = (sums[i] as number) / count;
        shift += (mean - (centres[i] as number)) ** 2;
        centres[i] = mean;
      }
      drift[c] = Math.sqrt(shift);
      total += shift;
    }
    return total;
  };

  /** Sum of the rows' squared distances from their centres. */
  const inertia = (): number => assignment.reduce((sum, own, row) => sum + distanceOf(row, own) ** 2, 0);

  return { assignment, centres, reassign, moveCentres, inertia };
}
