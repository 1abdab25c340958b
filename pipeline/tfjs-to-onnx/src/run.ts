import type { InferenceSession, Tensor } from 'onnxruntime-common';

/** The part of onnxruntime-node or onnxruntime-web that is used. */
export type Ort = Pick<typeof import('onnxruntime-common'), 'InferenceSession' | 'Tensor'>;

/** A shape with `'N'` for the batch size. */
export type BatchedShape = readonly (number | 'N')[];

/** Elements of a tensor; the kind of array is the element type. */
export type Values = Float32Array | Int32Array | Uint8Array;

/** Inputs by name; a number is a float32 scalar. Those that a program does not read are ignored. */
export type Feeds = Readonly<Record<string, Values | number | undefined>>;

type Inputs = Readonly<Record<string, { readonly shape: BatchedShape }>>;

/** A program as ONNX files, one for each batch size. */
export interface GraphProgram {
  readonly inputs: Inputs;
  /** The bytes of the graph for batches of `n`. */
  graph(n: number): Uint8Array;
}

/** A float32 tensor that programs read as the input `name` and write as the output `next`. */
export interface StateTensor {
  readonly name: string;
  readonly next: string;
  readonly shape: readonly number[];
}

/** Programs that share a state, as graphs. */
export interface CompiledGraphs<Name extends string = string> {
  readonly programs: { readonly [name in Name]: GraphProgram };
  readonly state: readonly StateTensor[];
  /** Converts variables to the state and back; absent where every tensor of the state is a variable. */
  readonly packing?: { readonly pack: GraphProgram; readonly unpack: GraphProgram };
}

export interface RunOptions {
  readonly ort: Ort;
  /** Options of every session: execution providers, threads and so on. */
  readonly session?: InferenceSession.SessionOptions;
  /**
   * Where a run writes the new state: `swap` (the default) into the other of two sets of host buffers, which only
   * onnxruntime-node supports; else into new tensors on the host or on the device.
   */
  readonly newState?: 'swap' | 'cpu' | 'gpu-buffer';
}

/** Suffix of the name that a state tensor has in the graphs that pack and unpack variables. */
export const PACKED = ':packed';

/** Runs graphs in ONNX Runtime and holds their state between runs. Calls must not overlap. */
export class GraphRunner<Name extends string = string> {
  readonly #graphs: CompiledGraphs<Name>;
  readonly #options: RunOptions;
  readonly #sessions = new Map<string, Promise<InferenceSession>>();
  /** Names of state tensors by the names of the outputs that replace them. */
  readonly #names: ReadonlyMap<string, string>;
  readonly #state = new Map<string, Tensor>();
  /** By output name, the host buffers that the next run writes to. */
  readonly #spare = new Map<string, Tensor>();

  /** The state is undefined until it is written. */
  constructor(graphs: CompiledGraphs<Name>, options: RunOptions) {
    this.#graphs = graphs;
    this.#options = options;
    this.#names = new Map(graphs.state.map(({ name, next }) => [next, name]));
  }

  /**
   * Runs a program once; its batch size is that of the feeds.
   * @returns its outputs other than the state
   * @throws Error naming an input that is missing or has the wrong number of elements
   */
  async run(program: Name, feeds: Feeds): Promise<Record<string, Values>> {
    const { inputs } = this.#graphs.programs[program];
    const n = batchSizeOf(inputs, feeds);
    const session = await this.session(program, n);
    const given = session.inputNames.map((name) => [
      name,
      this.#state.get(name) ?? this.#input(name, inputs, feeds, n),
    ]);
    const fetches = Object.fromEntries(session.outputNames.map((name) => [name, this.#spare.get(name) ?? null]));
    const outputs = await session.run(Object.fromEntries(given), fetches);
    const results: Record<string, Values> = {};
    for (const output of session.outputNames) {
      const tensor = fetches[output] ?? (outputs[output] as Tensor);
      const name = this.#names.get(output);
      if (name === undefined) results[output] = tensor.data as Values;
      else this.#replace(name, output, tensor);
    }
    return results;
  }

  /** The session of a program for batches of `n`, created on first use. */
  session(program: Name, n: number): Promise<InferenceSession> {
    return this.#session(`${program}:${n}`, () => this.#graphs.programs[program].graph(n));
  }

  /**
   * Reads variables as they are now.
   * @param names all by default
   */
  async read(names?: readonly string[]): Promise<Record<string, Float32Array>> {
    const { state, packing } = this.#graphs;
    const current = [...this.#state];
    if (state.length === 0) return {};
    if (packing) {
      const session = await this.#session('unpack', () => packing.unpack.graph(1));
      const packed = Object.fromEntries(current.map(([name, tensor]) => [`${name}${PACKED}`, tensor]));
      const variables = Object.entries(await session.run(packed, names ?? session.outputNames));
      return Object.fromEntries(variables.map(([name, { data }]) => [name, Float32Array.from(data as Float32Array)]));
    }
    const read = current.filter(([name]) => names?.includes(name) ?? true);
    const values = read.map(async ([name, tensor]) => [
      name,
      Float32Array.from((await tensor.getData()) as Float32Array),
    ]);
    return Object.fromEntries(await Promise.all(values));
  }

  /**
   * Sets the state.
   * @param variables all of them, by name
   * @throws Error naming a variable that is missing or has the wrong number of elements
   */
  async write(variables: Readonly<Record<string, Float32Array>>): Promise<void> {
    const { state, packing } = this.#graphs;
    if (state.length === 0) return;
    const values = packing ? await this.#pack(packing.pack, variables) : variables;
    for (const { name, next, shape } of state) {
      const tensor = this.#input(name, { [name]: { shape } }, { [name]: values[name]?.slice() }, 1);
      this.#release(name);
      this.#state.set(name, tensor);
      if ((this.#options.newState ?? 'swap') !== 'swap') continue;
      this.#spare.set(next, new this.#options.ort.Tensor('float32', new Float32Array(tensor.size), shape));
    }
  }

  /** Releases sessions and state. */
  async dispose(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
    this.#sessions.clear();
    for (const { name } of this.#graphs.state) this.#release(name);
    this.#state.clear();
    this.#spare.clear();
  }

  async #pack({ inputs, graph }: GraphProgram, variables: Feeds): Promise<Record<string, Float32Array>> {
    const session = await this.#session('pack', () => graph(1));
    const feeds = Object.keys(inputs).map((name) => [name, this.#input(name, inputs, variables, 1)]);
    const packed = Object.entries(await session.run(Object.fromEntries(feeds)));
    return Object.fromEntries(packed.map(([name, { data }]) => [name.slice(0, -PACKED.length), data as Float32Array]));
  }

  #session(key: string, graph: () => Uint8Array): Promise<InferenceSession> {
    const { ort, session: options, newState = 'swap' } = this.#options;
    const location = newState === 'gpu-buffer' && {
      preferredOutputLocation: Object.fromEntries([...this.#names.keys()].map((next) => [next, newState])),
    };
    const created = this.#sessions.get(key) ?? ort.InferenceSession.create(graph(), { ...options, ...location });
    this.#sessions.set(key, created);
    return created;
  }

  #input(name: string, inputs: Inputs, feeds: Feeds, n: number): Tensor {
    const [values, spec] = [feeds[name], inputs[name]];
    if (values === undefined || !spec) throw new Error(`input ${name} is missing`);
    const data = typeof values === 'number' ? Float32Array.of(values) : values;
    const shape = shapeAt(spec.shape, n);
    if (data.length !== sizeOf(shape))
      throw new Error(`input ${name} has ${data.length} elements for shape [${shape}]`);
    return new this.#options.ort.Tensor(data, shape);
  }

  #replace(name: string, output: string, tensor: Tensor): void {
    const old = this.#state.get(name);
    if (old && this.#spare.has(output)) this.#spare.set(output, old);
    else this.#release(name);
    this.#state.set(name, tensor);
  }

  /** Frees the device memory of a state tensor. */
  #release(name: string): void {
    const tensor = this.#state.get(name);
    if (tensor?.location === 'gpu-buffer') tensor.dispose();
  }
}

/**
 * The batch size of feeds: the `'N'` of the first input that has one, 1 where none does.
 * @throws Error when that input's elements do not fill its shape
 */
export function batchSizeOf(inputs: Inputs, feeds: Feeds): number {
  for (const [name, { shape }] of Object.entries(inputs)) {
    const values = feeds[name];
    if (!shape.includes('N') || typeof values !== 'object') continue;
    const n = values.length / sizeOf(shapeAt(shape, 1));
    if (Number.isSafeInteger(n) && n > 0) return n;
    throw new Error(`input ${name} has ${values.length} elements, not a multiple of shape [${shape}]`);
  }
  return 1;
}

/** The shape for batches of `n`. */
export const shapeAt = (shape: BatchedShape, n: number): number[] => shape.map((d) => (d === 'N' ? n : d));

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, d) => size * d, 1);
