import type { Attributes, Graph, Ref } from './ir.ts';

/**
 * A graph as short text, one node a line:
 *
 *     encoder(image: float[N,28,28,1])
 *       encoder/conv1/Conv = Conv(image, encoder/conv1/kernel:float[32,1,5,5]) strides=2,2
 *       return latent = encoder/conv1/Conv: float[N,32,14,14]
 */
export function print(graph: Graph): string {
  const port = (name: string, { type, shape }: Ref) => `${type}[${graph.shapes?.[name] ?? shape}]`;
  const lines = graph.nodes.flatMap(({ op, inputs, attrs, outputs, bodies = {} }) => [
    `  ${outputs.join(', ')} = ${op}(${inputs.map(argument).join(', ')})${attributes(attrs)}`,
    ...Object.values(bodies).map((body) => `    ${print(body).replaceAll('\n', '\n    ')}`),
  ]);
  const inputs = graph.inputs.map((ref) => `${ref.name}: ${port(ref.name, ref)}`);
  const outputs = graph.outputs.map(({ name, ref }) => `${name} = ${ref.name}: ${port(name, ref)}`);
  return [`${graph.name}(${inputs.join(', ')})`, ...lines, `  return ${outputs.join(', ')}`].join('\n');
}

const typed = ({ type, shape }: Ref): string => `${type}[${shape}]`;

function argument(ref: Ref): string {
  if (!ref.constant) return ref.name;
  if (ref.constant.length > 8) return `${ref.name}:${typed(ref)}`;
  const values = Array.from(ref.constant, ref.type === 'float' ? short : String).join(',');
  return ref.shape.length === 0 ? values : `[${values}]`;
}

/** A float32 has about seven significant digits. */
const short = (value: number | bigint): string => String(Number(Number(value).toPrecision(7)));

function attributes(attrs: Attributes): string {
  const shown = Object.entries(attrs).filter(([, value]) => value !== undefined);
  return shown.map(([key, value]) => ` ${key}=${value}`).join('');
}
