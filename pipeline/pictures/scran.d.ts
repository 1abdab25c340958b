/** What of scran.js is used here: it comes without types. Arrays and results live in the memory of its WebAssembly module. */
declare module 'scran.js' {
  export interface WasmArray<Values> {
    /** Address in the module's memory. */
    readonly offset: number;
    /** A view that holds until the module's memory grows. */
    array(): Values;
    free(): void;
  }
  export interface NeighborIndex {
    free(): void;
  }
  export interface Neighbors {
    /** What the module itself knows them by. */
    readonly results: object;
    free(): void;
  }
  /** Loads the module and starts its workers; false if it is loaded already. */
  export function initialize(options?: { numberOfThreads?: number }): Promise<boolean>;
  /** Ends the workers and lets go of the module. */
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
  export function perplexityToNeighbors(perplexity: number): number;
}

declare module 'scran.js/main/wasm.js' {
  /** A t-SNE under way, all but the coordinates. */
  export interface TsneState {
    delete(): void;
  }
  export interface ScranModule {
    initialize_tsne(neighbors: object, perplexity: number, threads: number): TsneState;
    /**
     * Goes on until `iterations` are done in all, or for `milliseconds` if that is not negative.
     * @param coordinates address of float64 `[n, 2]`: where the points are, then where they have got to
     */
    run_tsne(state: TsneState, milliseconds: number, iterations: number, coordinates: number): void;
  }
  /** Calls the module, whose exceptions become errors with a message. */
  export function call<Result>(work: (module: ScranModule) => Result): Result;
}
