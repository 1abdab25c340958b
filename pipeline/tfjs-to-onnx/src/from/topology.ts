import { product } from '../ir.ts';
import { asRecord } from './model-files.ts';

/**
 * What is wrong with the topology of a layers model, where tfjs would run forever or fill the memory; undefined for
 * others, which tfjs judges.
 * @param numbers how many numbers the weights have in all
 */
export function faultOfLayers(topology: object, numbers: number): string | undefined {
  const outer = asRecord(topology);
  const config = asRecord(asRecord(outer?.model_config ?? outer?.modelConfig ?? outer)?.config);
  const layers = Array.isArray(config) ? config : config?.layers;
  if (!Array.isArray(layers)) return undefined;
  if (layers.some(isOfKeras3)) return `it is in the format of Keras 3, which tfjs cannot load; ${OTHER_FORMATS}`;
  return tooLarge(layers, numbers) ?? faultOfCalls(layers);
}

const OTHER_FORMATS =
  'save it by Keras 2 (tf_keras), or give tensorflowjs_converter the SavedModel that model.export() writes';

/** Keras 3 describes inputs by a `batch_shape`, and calls by their arguments. */
function isOfKeras3(layer: unknown): boolean {
  const { class_name: kind, config, inbound_nodes: calls } = asRecord(layer) ?? {};
  const { batch_shape: shape, batch_input_shape: shapeOfKeras2, layers } = asRecord(config) ?? {};
  const isInput = kind === 'InputLayer' && shape !== undefined && shapeOfKeras2 === undefined;
  const isCalled = Array.isArray(calls) && calls.some((call) => asRecord(call)?.args !== undefined);
  return isInput || isCalled || (Array.isArray(layers) && layers.some(isOfKeras3));
}

type Json = Readonly<Record<string, unknown>>;

/** Whether a layer has more numbers by its description than there are in all. */
function tooLarge(layers: readonly unknown[], numbers: number): string | undefined {
  for (const layer of layers) {
    const { config, class_name: kind } = asRecord(layer) ?? {};
    const { name, layers: inner, layer: wrapped, cell, cells, ...sizes } = asRecord(config) ?? {};
    const nested = tooLarge([inner, wrapped, cell, cells].flat().filter(asRecord), numbers);
    if (nested) return nested;
    const claimed = leastWeights(String(kind), sizes);
    if (claimed > Math.max(numbers, 1)) {
      return `layer ${name} has at least ${claimed} weights by its description, and the files have ${numbers} in all`;
    }
  }
  return undefined;
}

/** The fewest numbers that a layer may have: those for an input of one channel, without a bias. */
function leastWeights(kind: string, config: Json): number {
  const {
    units,
    filters,
    kernel_size: kernel,
    depth_multiplier: multiplier,
    input_dim: rows,
    output_dim: columns,
  } = config;
  const times = (...factors: unknown[]) =>
    product(factors.flat().filter((factor): factor is number => typeof factor === 'number'));
  if (kind === 'Embedding') return times(rows, columns);
  if (kind === 'DepthwiseConv2D') return times(kernel, multiplier);
  if (kind === 'SeparableConv2D') return times(kernel, multiplier) + times(filters);
  return (units ?? filters) === undefined ? 0 : times(units, filters, kernel);
}

/** A call of a layer that waits for itself, or for one that the model does not have. */
function faultOfCalls(layers: readonly unknown[]): string | undefined {
  const calls = new Map<string, string[]>();
  const models = new Set(layers.flatMap((layer) => (isModel(layer) ? [layer.name] : [])));
  for (const layer of layers) {
    const { name, config, inbound_nodes: nodes } = asRecord(layer) ?? {};
    const inner = asRecord(config)?.layers;
    const nested = Array.isArray(inner) ? faultOfCalls(inner) : undefined;
    if (nested) return nested;
    if (nodes === undefined || nodes === null) continue;
    if (!Array.isArray(nodes) || !nodes.every(isCall)) return `the inbound_nodes of layer ${name} are damaged`;
    const all: readonly (readonly Inbound[])[] = nodes.length === 0 ? [[]] : nodes;
    for (const [i, node] of all.entries()) calls.set(`${name}/${i}`, inboundOf(node, models));
  }
  if (calls.size === 0) return undefined;
  return faultOfGraph(
    [...calls].map(([name, inputs]) => ({ name, inputs })),
    (name) => `layer ${name.replace(/\/\d+$/, '')}`,
  );
}

/** What a call takes: the name of a layer, the number of its call, the number of the output … */
type Inbound = readonly [string, number, number, ...unknown[]];

const isCall = (node: unknown): node is readonly Inbound[] =>
  Array.isArray(node) &&
  node.every((one) => Array.isArray(one) && typeof one[0] === 'string' && one.slice(1, 3).every(Number.isInteger));

const isModel = (layer: unknown): layer is { readonly name: unknown } =>
  Array.isArray(asRecord(asRecord(layer)?.config)?.layers);

/** The calls, `layer/index`, whose outputs a call takes. A model within a model was called once when it was made. */
const inboundOf = (call: readonly Inbound[], models: ReadonlySet<unknown>): string[] =>
  call.map(([layer, index]) => `${layer}/${models.has(layer) ? Math.max(0, index - 1) : index}`);

/** What is wrong with the topology of a GraphModel: nodes that are missing, or wait for themselves outside a loop. */
export function faultOfNodes(topology: object): string | undefined {
  const { node: nodes, library, versions } = topology as Json;
  if (!Array.isArray(nodes) || !nodes.every(isNode)) return 'its nodes are damaged: each has a name and an op';
  if (!asRecord(versions)) return 'its topology has no versions; a GraphDef was expected';
  const functions = asRecord(library)?.function;
  const inner = (Array.isArray(functions) ? functions : []).flatMap((one) => asRecord(one)?.nodeDef ?? []);
  if (!inner.every(isNode)) return 'the nodes of its functions are damaged: each has a name and an op';
  return faultOfGraph(
    nodes.map(({ name, op, input = [] }) => ({
      name,
      // The edge that closes a loop comes from its NextIteration.
      inputs: op === 'NextIteration' ? [] : input.map((from) => from.replace(/^\^/, '').split(':', 1)[0] ?? ''),
      exists: input.map((from) => from.replace(/^\^/, '').split(':', 1)[0] ?? ''),
    })),
    (name) => `node ${name}`,
  );
}

interface NodeJson {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
}

const isNode = (value: unknown): value is NodeJson => {
  const { name, op, input = [] } = asRecord(value) ?? {};
  return typeof name === 'string' && typeof op === 'string' && isTextList(input);
};
const isTextList = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string');

interface Vertex {
  readonly name: string;
  /** What has to be computed before. */
  readonly inputs: readonly string[];
  /** What has to exist. */
  readonly exists?: readonly string[];
}

/** A vertex that refers to none, or that waits for itself. */
function faultOfGraph(vertices: readonly Vertex[], describe: (name: string) => string): string | undefined {
  const byName = new Map(vertices.map((vertex) => [vertex.name, vertex]));
  for (const { name, inputs, exists = inputs } of vertices) {
    const missing = exists.find((input) => !byName.has(input));
    if (missing !== undefined) return `${describe(name)} takes ${describe(missing)}, which the model does not have`;
  }
  const waiting = new Map(vertices.map(({ name, inputs }) => [name, new Set(inputs)]));
  const users = new Map<string, string[]>();
  for (const { name, inputs } of vertices) {
    for (const input of inputs) {
      const list = users.get(input);
      if (list) list.push(name);
      else users.set(input, [name]);
    }
  }
  const ready = vertices.filter(({ inputs }) => inputs.length === 0).map(({ name }) => name);
  for (let name = ready.pop(); name !== undefined; name = ready.pop()) {
    waiting.delete(name);
    for (const user of users.get(name) ?? []) {
      const left = waiting.get(user);
      if (left?.delete(name) && left.size === 0) ready.push(user);
    }
  }
  const [first] = waiting.keys();
  return first === undefined ? undefined : `${describe(first)} waits for its own output`;
}
