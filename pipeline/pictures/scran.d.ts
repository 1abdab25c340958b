/** The parts of scran.js used here; it has no types. Arrays and results are in the memory of its WebAssembly module. */
declare module 'scran.js' {
  export interface WasmArray<Values> {
    /** Address in the module's memory. */
    readonly offset: number;
    /** A view that is valid until the module's memory grows. */
    array(): Values;
  }
  /** Exact or approximate search of nearest neighbours. */
  export type NeighborIndex = object;
  export interface Neighbors {
    /** The module's own handle. */
    readonly results: object;
  }
  /** Loads the module and starts its workers; false if it is loaded already. */
  export function initialize(options?: { numberOfThreads?: number }): Promise<boolean>;
  /** Ends the workers and frees the module. */
  export function terminate(): void;
  export function createFloat64WasmArray(length: number): WasmArray<Float64Array>;
  /** @param points `[numberOfCells, numberOfDims]` */
  export function buildNeighborSearchIndex(
    points: ArrayLike<number>,
    options: { numberOfDims: number; numberOfCells: number; approximate?: boolean },
  ): NeighborIndex;
  export function findNearestNeighbors(
    index: NeighborIndex,
    k: number,
    options?: { numberOfThreads?: number },
  ): Neighbors;
  export interface UmapStatus {
    currentEpoch(): number;
    totalEpochs(): number;
    /** Continues to the last epoch, or for `runTime` milliseconds. */
    run(options: { runTime: number }): void;
    extractCoordinates(): { x: Float64Array; y: Float64Array };
  }
  export function initializeUmap(
    neighbors: Neighbors,
    options: { neighbors: number; epochs: number; minDist: number; numberOfThreads: number },
  ): UmapStatus;
  export function perplexityToNeighbors(perplexity: number): number;
}

declare module 'scran.js/main/wasm.js' {
  export interface ScranModule {
    /** @returns the state of a t-SNE, without the coordinates */
    initialize_tsne(neighbors: object, perplexity: number, threads: number): object;
    /**
     * Continues until `iterations` are done in total, or for `milliseconds` if that is not negative.
     * @param coordinates address of the points' coordinates, float64 `[n, 2]`, which are updated
     */
    run_tsne(state: object, milliseconds: number, iterations: number, coordinates: number): void;
  }
  /** Calls the module, and converts its exceptions to errors with a message. */
  export function call<Result>(work: (module: ScranModule) => Result): Result;
}
