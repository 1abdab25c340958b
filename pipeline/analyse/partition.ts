/**
 * The state of Lloyd's iterations: the cluster of each row, and the clusters' centres. The triangle inequality shows which rows
 * cannot change their cluster (Hamerly 2010, "Making k-means even faster").
 * @param rows `[n, size]`
 * @param start the initial centres, `[clusters, size]`
 */
export function partitionOf(rows: Float32Array, size: number, start: Float64Array) {
  const [n, clusters] = [rows.length / size, start.length / size];
  const centres = start.slice();
  /** `[n]`; −1 before a row has a cluster. */
  const assignment = new Int32Array(n).fill(-1);
  /** Upper bounds on the rows' distances from their centres, and lower bounds on those from all others, `[n]`. */
  const near = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  const far = new Float64Array(n);
  /** Distance by which each centre moved last. */
  const drift = new Float64Array(clusters);
  /** Sums and numbers of the clusters' rows. */
  const sums = new Float64Array(start.length);
  const counts = new Float64Array(clusters);

  /** Squared. */
  const distanceOf = (row: number, cluster: number): number => {
    let sum = 0;
    for (let a = row * size, b = cluster * size, end = a + size; a < end; a++, b++) {
      const difference = (rows[a] as number) - (centres[b] as number);
      sum += difference * difference;
    }
    return sum;
  };

  /** Moves a row to a cluster; returns whether it was in another. */
  const move = (row: number, to: number): boolean => {
    const from = assignment[row] as number;
    if (from === to) return false;
    assignment[row] = to;
    counts[to] = (counts[to] as number) + 1;
    if (from >= 0) counts[from] = (counts[from] as number) - 1;
    for (let j = 0; j < size; j++) {
      const value = rows[row * size + j] as number;
      sums[to * size + j] = (sums[to * size + j] as number) + value;
      if (from >= 0) sums[from * size + j] = (sums[from * size + j] as number) - value;
    }
    return true;
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
      near[farthest.row] = Number.POSITIVE_INFINITY;
    }
  };

  return {
    assignment,
    centres,

    /** Assigns a row to the cluster whose centre is nearest, given bounds on its distances; returns whether it moved. */
    assign(row: number, cluster: number, bounds: { readonly near: number; readonly far: number }): boolean {
      near[row] = bounds.near;
      far[row] = bounds.far;
      return move(row, cluster);
    },

    /** `assign` by comparing the row with all centres; of equally near ones the first. */
    assignExactly(row: number): boolean {
      let [own, least, second] = [0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let cluster = 0; cluster < clusters; cluster++) {
        const distance = distanceOf(row, cluster);
        if (distance < least) [own, least, second] = [cluster, distance, least];
        else if (distance < second) second = distance;
      }
      return this.assign(row, own, { near: Math.sqrt(least), far: Math.sqrt(second) });
    },

    /** Moves the centres to the means of their rows; returns the sum of the squared shifts. */
    moveCentres(): number {
      fillEmpty();
      let total = 0;
      for (let cluster = 0; cluster < clusters; cluster++) {
        const count = counts[cluster] as number;
        let shift = 0;
        for (let at = cluster * size; count > 0 && at < (cluster + 1) * size; at++) {
          const mean = (sums[at] as number) / count;
          shift += (mean - (centres[at] as number)) ** 2;
          centres[at] = mean;
        }
        drift[cluster] = Math.sqrt(shift);
        total += shift;
      }
      return total;
    },

    /** The rows whose nearest centre may be another one since the centres moved. */
    unsettled(): Int32Array {
      const most = drift.reduce((most, distance) => Math.max(most, distance));
      const rows = new Int32Array(n);
      let count = 0;
      for (let row = 0; row < n; row++) {
        const own = (near[row] as number) + (drift[assignment[row] as number] ?? 0);
        const others = (far[row] as number) - most;
        near[row] = own;
        far[row] = others;
        if (!(own < others)) rows[count++] = row;
      }
      return rows.subarray(0, count);
    },

    /** Sum of the rows' squared distances from their centres. */
    inertia: (): number => assignment.reduce((sum, own, row) => sum + distanceOf(row, own), 0),
  };
}
