import { stat } from 'node:fs/promises';
import type { EncodingInput } from '../artifacts/encoding-plan.ts';
import type { PartName } from '../artifacts/image-index.ts';
import { sampleFiles } from '../io/digest.ts';
import { InputError, withFileErrors } from '../io/errors.ts';
import { imageFileSource } from './formats/image-files.ts';
import { entriesOfRows } from './formats/parquet.ts';
import { entriesOfShards } from './formats/tar.ts';
import { locateData } from './formats.ts';
import type { DataSource, ImageEntry, ImageSource } from './image-source.ts';
import { type LabelSurvey, labelsIn, labelsOfEntries, surveyLabels } from './label-survey.ts';
import type { DataOptions } from './options.ts';
import { partsOf } from './pass.ts';
import { runs } from './rows.ts';

/** Files that are looked at together: one by one takes long over a network. */
const STATS = 1000;

/** Images of a shard that are of one source. */
export interface Section {
  /** For people. */
  readonly name: string;
  /** Put before their ids. */
  readonly prefix: string | undefined;
  readonly plain?: ImageSource['plain'];
  /** Positions in the source, of its plain pixels. */
  readonly from: number;
  readonly to: number;
  /** Image files that were changed or copied after the plan was made, and have the same size. */
  readonly later: number;
  /** May be called several times. */
  entries(): AsyncIterable<ImageEntry> | Iterable<ImageEntry>;
}

interface Opened {
  readonly sections: readonly Section[];
  /** The whole data set, where its images are known by position. */
  readonly source: DataSource | undefined;
  close(): Promise<void>;
}

export interface InputOptions extends DataOptions {
  /** Value of `--data`. */
  readonly spec: string;
  /** When the plan was made, in milliseconds. */
  readonly planned: number;
}

/**
 * Opens inputs of a shard, without reading any others.
 * @throws InputError when one is missing, or is not as it was when the plan was made
 */
export async function openInputs(inputs: readonly EncodingInput[], options: InputOptions): Promise<Opened> {
  const located = inputs.some(({ kind }) => kind === 'rows') ? await locateData(options.spec, options) : undefined;
  const close = async () => {
    for (const [, part] of located ? partsOf(located) : []) await part.close();
  };
  const sections: Section[] = [];
  const joined = (i: number) =>
    isFile(inputs[i]) && isFile(inputs[i - 1]) && inputs[i]?.prefix === inputs[i - 1]?.prefix;
  try {
    for (const { from, to } of runs(inputs.length, joined)) {
      sections.push(await sectionOf(inputs.slice(from, to), located, options));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { sections, source: located, close };
}

const isFile = (input: EncodingInput | undefined): boolean => input?.kind === 'file';

async function sectionOf(
  inputs: readonly EncodingInput[],
  located: DataSource | undefined,
  options: InputOptions,
): Promise<Section> {
  const [input] = inputs as [EncodingInput];
  const { prefix } = input;
  if (input.kind === 'rows') return rowsOf(input, located?.[input.part], options.spec);
  const whole = { name: options.spec, prefix, from: 0, to: 0, later: 0 };
  if (input.kind === 'file') {
    const files = inputs.filter((file) => file.kind === 'file');
    const { name } = whole;
    let later = 0;
    for (let from = 0; from < files.length; from += STATS) {
      const changes = await Promise.all(files.slice(from, from + STATS).map(lastChange));
      later += changes.filter((time) => time > options.planned).length;
    }
    const source = imageFileSource({ name, count: files.length, files: () => files, signal: options.signal });
    return { ...whole, later, entries: () => source.entries() };
  }
  const { path } = input;
  await checkUnchanged(path, [path], input);
  const entries = () => (input.kind === 'tar' ? entriesOfShards([input], options) : entriesOfRows(input, options));
  return { ...whole, entries };
}

const changed = (name: string, has: string, had: string) =>
  new InputError(`${name}: it has ${has}, but ${had} when the shards were planned; plan again into another folder`);

/** @throws InputError when files are missing, or have other contents than when the plan was made, as far as samples show */
async function checkUnchanged(
  name: string,
  files: readonly string[],
  { bytes, sample }: { readonly bytes: number; readonly sample?: string | undefined },
): Promise<void> {
  const found = await withFileErrors(`cannot read ${name}`, async () => sampleFiles(files));
  if (found.bytes !== bytes) throw changed(name, `${found.bytes} bytes`, `had ${bytes}`);
  if (sample !== undefined && found.sample !== sample) throw changed(name, 'other contents', 'had as many bytes');
}

/**
 * When an image file was changed or copied last, in milliseconds; 0 where it is missing, which is said when it is read.
 * @throws InputError when it has another size than when the plan was made
 */
async function lastChange({ path, bytes }: Extract<EncodingInput, { kind: 'file' }>): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return 0;
  if (bytes !== undefined && found.size !== bytes) throw changed(path, `${found.size} bytes`, `had ${bytes}`);
  return Math.max(found.mtimeMs, found.ctimeMs);
}

/** Images of a part of the data set by their position. */
async function rowsOf(
  { part, bytes, sample, from, to, prefix }: Extract<EncodingInput, { kind: 'rows' }>,
  source: ImageSource | undefined,
  spec: string,
): Promise<Section> {
  if (!source || (source.count !== undefined && source.count < to)) {
    throw changed(spec, `${source?.count ?? 'no'} images in its part ${part}`, `had at least ${to}`);
  }
  if (bytes !== undefined) await checkUnchanged(spec, source.files ?? [], { bytes, sample });
  return {
    ...{ name: source.name, prefix, plain: source.plain, from, to, later: 0 },
    async *entries() {
      let position = 0;
      for await (const entry of source.entries()) {
        if (position >= to) return;
        if (position++ >= from) yield entry;
      }
    },
  };
}

/** Surveys a data set. @param chosen the parts that are encoded: the others only have classes @throws InputError as `surveyLabels` */
export async function surveySource(
  source: DataSource,
  chosen: readonly PartName[],
  options: { readonly known: readonly string[] | undefined; readonly where: string },
): Promise<LabelSurvey> {
  const parts = partsOf(source);
  const classes = parts.find(([, part]) => part.classes !== undefined)?.[1].classes;
  const labelsOf = (wanted: boolean) =>
    parts.filter(([name]) => chosen.includes(name) === wanted).map(([, part]) => labelsIn(part));
  return surveyLabels(labelsOf(true), labelsOf(false), { classes, ...options });
}

/** Surveys the labels of sections whose source is not known as a whole. @throws InputError as `surveyLabels` */
export const surveySections = (
  sections: readonly Section[],
  options: Parameters<typeof surveyLabels>[2],
): Promise<LabelSurvey> =>
  surveyLabels(
    sections.map((section) => labelsOfEntries(section.entries())),
    [],
    options,
  );
