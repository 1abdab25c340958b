/**
 * The state of Lloyd's iterations. Distances that cannot change an assignment are not computed, since the triangle
 * inequality bounds them (Elkan 2003, "Using the triangle inequality to accelerate k-means", without the distances between
 * centres). The assignments are those of comparing every row with every centre.
 */
export class Lloyd {
  readonly clusters: number;
  /** `[clusters, size]` */
  readonly centres: Float64Array;
  /** `[n]`; −1 before the first `reassign`. */
  readonly assignment: Int32Array;
  readonly #rows: Float32Array;
  readonly #size: number;
  /** Upper bound on each row's distance from its centre, `[n]`. */
  readonly #upper: Float64Array;
  /** Lower bound on each row's distance from each centre, `[n, clusters]`. */
  readonly #lower: Float64Array;
  /** Distance by which each centre moved last. */
  readonly #drift: Float64Array;
  readonly #sums: Float64Array;
  readonly #counts: Float64Array;

  constructor(rows: Float32Array, size: number, start: Float64Array) {
    const n = rows.length / size;
    this.#rows = rows;
    this.#size = size;
    this.clusters = start.length / size;
    this.centres = start.slice();
    this.assignment = new Int32Array(n).fill(-1);
    this.#upper = new Float64Array(n);
    this.#lower = new Float64Array(n * this.clusters);
    this.#drift = new Float64Array(this.clusters);
    this.#sums = new Float64Array(start.length);
    this.#counts = new Float64Array(this.clusters);
  }

  /** Assigns the rows `from` to before `to` to their nearest centres; returns how many changed. */
  reassign(from: number, to: number): number {
    const { assignment, clusters } = this;
    const [upper, lower, drift] = [this.#upper, this.#lower, this.#drift];
    let moved = 0;
    for (let row = from; row < to; row++) {
      const own = assignment[row] as number;
      const at = row * clusters;
      let best = Math.max(own, 0);
      let known = own < 0;
      let distance = known ? this.#distance(row, 0) : (upper[row] as number) + (drift[own] as number);
      if (own < 0) lower[at] = distance;
      for (let c = 0; c < clusters; c++) {
        const bound = (lower[at + c] as number) - (drift[c] as number);
        lower[at + c] = bound;
        if (c === best || bound >= distance) continue;
        if (!known) {
          known = true;
          distance = this.#distance(row, own);
          lower[at + own] = distance + (own > c ? (drift[own] as number) : 0); // the loop subtracts its drift later
          if (bound >= distance) continue;
        }
        const other = this.#distance(row, c);
        lower[at + c] = other;
        if (other < distance) {
          distance = other;
          best = c;
        }
      }
      upper[row] = distance;
      if (best === own) continue;
      this.#move(row, best);
      moved++;
    }
    return moved;
  }

  /** Moves the centres to the means of their rows; returns the sum of the squared shifts. */
  moveCentres(): number {
    this.#fillEmpty();
    const size = this.#size;
    let total = 0;
    for (let c = 0; c < this.clusters; c++) {
      const count = this.#counts[c] as number;
      let shift = 0;
      for (let i = c * size; count > 0 && i < (c + 1) * size; i++) {
        const mean = (this.#sums[i] as number) / count;
        shift += (mean - (this.centres[i] as number)) ** 2;
        this.centres[i] = mean;
      }
      this.#drift[c] = Math.sqrt(shift);
      total += shift;
    }
    return total;
  }

  /** Sum of the rows' squared distances from their centres. */
  inertia(): number {
    return this.assignment.reduce((sum, own, row) => sum + this.#distance(row, own) ** 2, 0);
  }

  #distance(row: number, cluster: number): number {
    const [rows, centres, size] = [this.#rows, this.centres, this.#size];
    let sum = 0;
    for (let a = row * size, b = cluster * size, end = a + size; a < end; a++, b++) {
      const difference = (rows[a] as number) - (centres[b] as number);
      sum += difference * difference;
    }
    return Math.sqrt(sum);
  }

  #move(row: number, to: number): void {
    const [rows, sums, counts, size] = [this.#rows, this.#sums, this.#counts, this.#size];
    const from = this.assignment[row] as number;
    this.assignment[row] = to;
    counts[to] = (counts[to] as number) + 1;
    if (from >= 0) counts[from] = (counts[from] as number) - 1;
    for (let j = 0; j < size; j++) {
      const value = rows[row * size + j] as number;
      sums[to * size + j] = (sums[to * size + j] as number) + value;
      if (from >= 0) sums[from * size + j] = (sums[from * size + j] as number) - value;
    }
  }

  #fillEmpty(): void {
    for (let empty = this.#counts.indexOf(0); empty >= 0; empty = this.#counts.indexOf(0, empty + 1)) {
      let farthest = { row: -1, distance: 0 };
      this.assignment.forEach((own, row) => {
        if (this.#counts[own] === 1) return;
        const distance = this.#distance(row, own);
        if (distance > farthest.distance) farthest = { row, distance };
      });
      if (farthest.row < 0) return; // there are fewer distinct rows than clusters
      this.#move(farthest.row, empty);
      this.#upper[farthest.row] = this.#distance(farthest.row, empty);
    }
  }
}
