import type { InferenceSession, Tensor } from 'onnxruntime-common';

/** The part of onnxruntime-node or onnxruntime-web that is used. */
export type Ort = Pick<typeof import('onnxruntime-common'), 'InferenceSession' | 'Tensor'>;

/** A shape with `'N'` for the batch size. */
export type BatchedShape = readonly (number | 'N')[];

/** Elements of a tensor; the kind of array is the element type. */
export type Values = Float32Array | Int32Array | Uint8Array;

/** Inputs by name; a number is a float32 scalar. Those that a program does not read are ignored. */
export type Feeds = Readonly<Record<string, Values | number | undefined>>;

/** Inputs of which some may be tensors that are on the device already. */
type AnyFeeds = Readonly<Record<string, Feeds[string] | Tensor>>;

type Inputs = Readonly<Record<string, { readonly shape: BatchedShape }>>;

/** Programs that share a state, as graphs. */
export interface CompiledGraphs<Name extends string = string> {
  readonly programs: { readonly [name in Name]: GraphProgram };
  readonly state: readonly StateTensor[];
}

export interface GraphProgram {
  readonly inputs: Inputs;
  /** The bytes of an ONNX file for batches of `n`. */
  graph(n: number): Uint8Array;
  /** The names of that file's outputs; where this is absent, all of the state is among them. */
  outputs?(n: number): readonly string[];
  /** That file in at most `count` files of about equal work, each with some of the outputs. */
  parts?(n: number, count: number): readonly Uint8Array[];
}

/** A float32 tensor that programs read as the input `name` and write as the output `next`. */
export interface StateTensor {
  readonly name: string;
  readonly next: string;
  readonly shape: readonly number[];
}

export interface RunOptions {
  readonly ort: Ort;
  /** Options of every session: execution providers, threads and so on. */
  readonly session?: InferenceSession.SessionOptions;
  /**
   * Where a run writes the new state: `swap` (the default) into the other of two sets of host buffers, which only
   * onnxruntime-node supports; else into new tensors on the host or on the device, or into two sets on the device.
   */
  readonly newState?: 'swap' | 'cpu' | 'gpu-buffer' | 'gpu-swap';
  /** Gives memory for the state on the host. */
  readonly allocate?: (length: number) => Float32Array;
}

/** Runs graphs in ONNX Runtime and holds their state between runs. Calls must not overlap. */
export class GraphRunner<Name extends string = string> {
  readonly #graphs: CompiledGraphs<Name>;
  readonly #ort: Ort;
  readonly #options: InferenceSession.SessionOptions;
  readonly #newState: NonNullable<RunOptions['newState']>;
  readonly #allocate: NonNullable<RunOptions['allocate']>;
  readonly #sessions = new Map<string, Promise<InferenceSession>>();
  readonly #state = new Map<string, Tensor>();
  /** The buffers that the next run writes to, by the name of the state tensor. */
  readonly #spare = new Map<string, Tensor>();

  /** The state has to be written before the first run. */
  constructor(graphs: CompiledGraphs<Name>, { ort, session = {}, newState = 'swap', allocate }: RunOptions) {
    this.#graphs = graphs;
    this.#ort = ort;
    this.#newState = newState;
    this.#allocate = allocate ?? ((length) => new Float32Array(length));
    this.#options = session;
  }

  /**
   * Runs a program once. Its batch size is that of the feeds.
   * @returns its outputs other than the state
   * @throws Error naming an input that is missing or has the wrong number of elements
   */
  async run(program: Name, feeds: AnyFeeds): Promise<Record<string, Values>> {
    const { inputs } = this.#graphs.programs[program];
    const n = batchSizeOf(inputs, feeds);
    const session = await this.session(program, n);
    const given = session.inputNames.map((name) => {
      return [name, this.#state.get(name) ?? this.#tensor(name, feeds[name], shapeAt(inputs[name]?.shape ?? [], n))];
    });
    const fetches = Object.fromEntries<Tensor | null>(session.outputNames.map((name) => [name, null]));
    const changed = this.#graphs.state.filter(({ next }) => next in fetches);
    for (const { name, next } of changed) fetches[next] = this.#spare.get(name) ?? null;
    const outputs = await session.run(Object.fromEntries(given), fetches);
    for (const { name, next } of changed) {
      const [spare, old] = [fetches[next], this.#state.get(name)];
      this.#state.set(name, spare ?? (outputs[next] as Tensor));
      if (old && (spare || (this.#newState === 'gpu-swap' && old.location === 'gpu-buffer')))
        this.#spare.set(name, old);
      else free(old);
      delete fetches[next];
    }
    return Object.fromEntries(Object.keys(fetches).map((name) => [name, outputs[name]?.data as Values]));
  }

  /** The session of a program for batches of `n`, created on first use. */
  session(program: Name, n: number): Promise<InferenceSession> {
    const key = `${program}:${n}`;
    const session = this.#sessions.get(key) ?? this.#open(this.#graphs.programs[program], n);
    this.#sessions.set(key, session);
    return session;
  }

  /** Releases the session of a program for batches of `n`, which the program will hardly be run for again. */
  async close(program: Name, n: number): Promise<void> {
    const key = `${program}:${n}`;
    const session = await this.#sessions.get(key);
    this.#sessions.delete(key);
    await session?.release();
  }

  #open(program: GraphProgram, n: number): Promise<InferenceSession> {
    const bytes = program.graph(n);
    const outputs = program.outputs?.(n);
    const next = this.#graphs.state.map(({ next }) => next).filter((name) => outputs?.includes(name) ?? true);
    const location: Tensor.DataLocation = this.#newState === 'cpu' ? 'cpu' : 'gpu-buffer';
    const placed = this.#newState !== 'swap' && next.length > 0;
    return this.#ort.InferenceSession.create(bytes, {
      ...this.#options,
      ...(placed && { preferredOutputLocation: Object.fromEntries(next.map((name) => [name, location])) }),
    });
  }

  /** The state, where it is; for `run` of another runner on the same device, before this one runs again. */
  get state(): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(this.#state);
  }

  /** The host buffers that the next run writes to. */
  get spare(): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(this.#spare);
  }

  /** Takes host buffers that something else has written for the state, and the old ones for spare. */
  swap(names: readonly string[]): void {
    for (const name of names) {
      const [state, spare] = [this.#state.get(name), this.#spare.get(name)];
      if (!state || !spare) throw new Error(`${name} has no two buffers`);
      this.#state.set(name, spare);
      this.#spare.set(name, state);
    }
  }

  /** Copies the state to the host. @param names the tensors to copy, all by default */
  async read(names: readonly string[] = [...this.#state.keys()]): Promise<Record<string, Float32Array>> {
    const values: Record<string, Float32Array> = {};
    for (const [name, tensor] of this.#state) {
      if (names.includes(name)) values[name] = ((await tensor.getData()) as Float32Array).slice();
    }
    return values;
  }

  /**
   * Sets the state.
   * @throws Error naming a tensor that is missing or has the wrong number of elements
   */
  write(values: Readonly<Record<string, Float32Array>>): void {
    for (const { name, shape } of this.#graphs.state) {
      const given = this.#tensor(name, values[name], shape);
      const tensor = this.#tensor(name, this.#allocate(given.size), shape);
      (tensor.data as Float32Array).set(given.data as Float32Array);
      free(this.#state.get(name));
      this.#state.set(name, tensor);
      if (this.#newState === 'swap') this.#spare.set(name, this.#tensor(name, this.#allocate(given.size), shape));
    }
  }

  /** Releases sessions and state. */
  async dispose(): Promise<void> {
    for (const tensor of [...this.#state.values(), ...this.#spare.values()]) free(tensor);
    this.#state.clear();
    this.#spare.clear();
    const sessions = await Promise.allSettled(this.#sessions.values());
    this.#sessions.clear();
    for (const session of sessions) if (session.status === 'fulfilled') await session.value.release();
  }

  #tensor(name: string, values: AnyFeeds[string], shape: readonly number[]): Tensor {
    if (values === undefined) throw new Error(`input ${name} is missing`);
    const data = typeof values === 'number' ? Float32Array.of(values) : values;
    const count = 'dims' in data ? data.size : data.length;
    if (count !== sizeOf(shape)) throw new Error(`input ${name} has ${count} elements for shape [${shape}]`);
    return 'dims' in data ? data : new this.#ort.Tensor(data, shape);
  }
}

/** Frees the device memory of a tensor that no run reads any more. */
function free(tensor: Tensor | undefined): void {
  if (tensor?.location === 'gpu-buffer') tensor.dispose();
}

/**
 * The batch size of feeds: the `'N'` of the first input that has one, 1 where none does.
 * @throws Error when that input's elements do not fill its shape
 */
export function batchSizeOf(inputs: Inputs, feeds: AnyFeeds): number {
  for (const [name, { shape }] of Object.entries(inputs)) {
    const values = feeds[name];
    if (!shape.includes('N') || typeof values !== 'object') continue;
    const count = 'dims' in values ? values.size : values.length;
    const n = count / sizeOf(shapeAt(shape, 1));
    if (Number.isSafeInteger(n) && n > 0) return n;
    throw new Error(`input ${name} has ${count} elements, not a multiple of shape [${shape}]`);
  }
  return 1;
}

/** The shape for batches of `n`. */
export const shapeAt = (shape: BatchedShape, n: number): number[] => shape.map((d) => (d === 'N' ? n : d));

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, d) => size * d, 1);
