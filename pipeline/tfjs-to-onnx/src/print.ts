import type { Attributes, Graph, Ref } from './graph.ts';

/**
 * A graph as short text, one node a line:
 *
 *     encoder(image: uint8[N,28,28,1])
 *     y = encoder/conv1/Conv(x, kernel) strides=2,2: float[N,32,14,14]
 *     return latent = y
 */
export function print(graph: Graph): string {
  const lines = graph.nodes.map(({ name, inputs, attrs, outputs, op }) => {
    const label = name === op || name.startsWith(`${op}_`) ? op : `${op}`;
    return `  ${outputs.join(', ')} = ${label}(${inputs.map(argument).join(', ')})${attributes(attrs)}`;
  });
  const inputs = graph.inputs.map((ref) => `${ref.name}: ${typed(ref)}`);
  const outputs = graph.outputs.map(({ name, ref }) => `${name} = ${ref.name}: ${typed(ref)}`);
  return [`${graph.name}(${inputs.join(', ')})`, ...lines, `  return ${outputs.join(', ')}`].join('\n');
}

const typed = ({ type, shape }: Ref): string => `${type}[${shape}]`;

function argument(ref: Ref): string {
  if (!ref.constant) return ref.name;
  if (ref.constant.length > 8) return `${ref.name}${typed(ref)}`;
  const values = Array.from(ref.constant, String).join(',');
  return ref.shape.length === 0 ? values : `[${values}]`;
}

function attributes(attrs: Attributes): string {
  const shown = Object.entries(attrs).filter(([, value]) => value !== undefined);
  return shown.map(([key, value]) => ` ${key}=${value}`).join('');
}
