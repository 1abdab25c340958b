import { type FileMetaData, parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet';
import { InputError } from '../../io/errors.ts';
import type { DataOptions } from '../options.ts';
import { best, chooseLabel, IMAGES, imageColumn, labelColumn, pixelColumns } from './columns.ts';
import { EXPECTED_COUNTS } from './pixel-rows.ts';
import { splitColumn } from './split-column.ts';

/** Which columns of a Parquet file hold images and labels. */
export interface ParquetColumns {
  /** `encoded`: bytes of image files; `lists`: (nested) lists of numbers; `pixels`: a column for each pixel. */
  readonly kind: 'encoded' | 'lists' | 'pixels';
  /** One column, or one for each pixel. */
  readonly images: readonly string[];
  /** Type of the numbers, as numpy names it. */
  readonly type: string;
  readonly label: string | undefined;
  /** Columns that could be labels. */
  readonly scalars: readonly string[];
  /** Class names by index, where Hugging Face's metadata have them. */
  readonly classes: readonly string[] | undefined;
  /** The column that says the split of a row, and the names of its numbers. */
  readonly split: { readonly name: string; readonly classes: readonly string[] | undefined } | undefined;
  readonly unused: readonly string[];
}

interface Column {
  readonly name: string;
  readonly kind: 'encoded' | 'lists' | 'number' | 'text' | 'other';
  readonly type: string;
}

/** A column as Hugging Face's datasets library describes it. */
interface Feature {
  readonly _type?: unknown;
  readonly names?: unknown;
}

/** @throws InputError when there are no images */
export function chooseColumns(path: string, metadata: FileMetaData, options: DataOptions): ParquetColumns {
  const columns = parquetSchema(metadata).children.map(describeColumn);
  const features = featuresOf(metadata);
  const namesOf = (...kinds: Column['kind'][]) =>
    columns.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name);
  const scalars = namesOf('number', 'text');
  const lists = namesOf('lists'); // of numbers, one-hot if asked for
  const chosen = chooseLabel([...scalars, ...lists], options);
  const split = splitColumn(scalars.filter((name) => name !== chosen));
  const others = scalars.filter((name) => name !== split);
  const likely = () => labelColumn(others) ?? others.find((name) => features[name]?._type === 'ClassLabel');
  const label = chooseLabel([...scalars, ...lists], options, likely);
  const candidates = namesOf('encoded', 'lists').filter((name) => name !== labelColumn([name]) && name !== chosen);
  const declared = candidates.filter((name) => features[name]?._type === 'Image');
  const encoded = candidates.filter((name) => namesOf('encoded').includes(name)); // lists may be embeddings
  const column = imageColumn(declared) ?? best(candidates, IMAGES) ?? imageColumn(encoded) ?? imageColumn(candidates);
  // Latents of 784 numbers would be images of 28×28.
  if (column === 'latent' && metadata.key_value_metadata?.some(({ key }) => key === 'convae')) {
    throw new InputError(
      `${path}: it holds latents that \`convae encode\` wrote, not images; give the images to --data`,
    );
  }
  const numbers = namesOf('number').filter((name) => name !== split);
  const images =
    column === undefined ? pixelColumns(numbers, label, options).map((i) => numbers[i] as string) : [column];
  const used = columns.find(({ name }) => name === images[0]);
  if (!used) {
    const found = columns.map(({ name, kind, type }) => `${name} (${kind === 'number' ? type : kind})`).join(', ');
    throw new InputError(
      `${path}: it has no images: its columns are ${found.slice(0, 300)}; expected a column of encoded images, lists of numbers or names of image files, or a column for each pixel, ${EXPECTED_COUNTS}`,
    );
  }
  const classesOf = (name = '') => {
    const { names } = features[name] ?? {};
    return Array.isArray(names) ? names.map(String) : undefined;
  };
  return {
    kind: used.kind === 'encoded' || used.kind === 'lists' ? used.kind : 'pixels',
    images,
    type: used.type,
    label,
    scalars: [...scalars, ...lists.filter((name) => labelColumn([name]) !== undefined)].filter(
      (name) => !images.includes(name),
    ),
    classes: classesOf(label),
    split: split === undefined ? undefined : { name: split, classes: classesOf(split) },
    unused: columns.map(({ name }) => name).filter((name) => ![label, split, ...images].includes(name)),
  };
}

function featuresOf({ key_value_metadata = [] }: FileMetaData): Readonly<Record<string, Feature | undefined>> {
  const text = key_value_metadata.find(({ key }) => key === 'huggingface')?.value;
  try {
    return JSON.parse(text ?? '{}')?.info?.features ?? {};
  } catch {
    return {}; // another program's key of the same name
  }
}

function describeColumn(column: SchemaTree): Column {
  const { name } = column.element;
  const bytes = column.children.find(({ element }) => element.name === 'bytes');
  if (isBinary((bytes ?? column).element)) return { name, kind: 'encoded', type: 'bytes' };
  let leaf = column;
  let repeated = column.element.repetition_type === 'REPEATED';
  while (leaf.children.length === 1 && leaf.children[0]) {
    leaf = leaf.children[0];
    repeated ||= leaf.element.repetition_type === 'REPEATED';
  }
  const type = leaf.children.length === 0 ? numberType(leaf.element) : undefined;
  if (type && repeated) return { name, kind: 'lists', type };
  if (type && leaf === column) return { name, kind: 'number', type };
  return { name, kind: isText(column.element) ? 'text' : 'other', type: '' };
}

const isText = ({ type, converted_type, logical_type }: SchemaElement) =>
  type === 'BYTE_ARRAY' && (converted_type === 'UTF8' || converted_type === 'ENUM' || logical_type?.type === 'STRING');

const isBinary = ({ type, converted_type, logical_type }: SchemaElement) =>
  type === 'BYTE_ARRAY' && converted_type === undefined && logical_type === undefined;

/** numpy's name of a column's numbers; undefined for text, dates, decimals and the like. */
function numberType({ type, converted_type, logical_type }: SchemaElement): string | undefined {
  if (logical_type?.type === 'FLOAT16') return 'float16';
  if (logical_type?.type === 'INTEGER') return `${logical_type.isSigned ? 'int' : 'uint'}${logical_type.bitWidth}`;
  if (converted_type !== undefined)
    return /^U?INT_\d+$/.test(converted_type) ? converted_type.toLowerCase().replace('_', '') : undefined;
  if (logical_type !== undefined) return undefined;
  const types = { BOOLEAN: 'bool', INT32: 'int32', INT64: 'int64', FLOAT: 'float32', DOUBLE: 'float64' } as const;
  return type && type in types ? types[type as keyof typeof types] : undefined;
}
