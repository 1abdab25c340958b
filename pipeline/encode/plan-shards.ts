import { createHash } from 'node:crypto';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ENCODING_PLAN_FORMAT, type EncodingInput, type EncodingPlan } from '../artifacts/encoding-plan.ts';
import type { PartName } from '../artifacts/image-index.ts';
import { bytesPerImage } from '../data/dataset.ts';
import { absoluteSpec, locateData } from '../data/formats.ts';
import type { DataSource, ImageSource, Piece } from '../data/image-source.ts';
import type { LabelSurvey } from '../data/label-survey.ts';
import type { Split } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { partsOf } from '../data/pass.ts';
import { surveySource } from '../data/sections.ts';
import type { Device } from '../devices/device.ts';
import { checkLabelling, type ExportedModel, openExported, optionsFor } from '../inference/exported.ts';
import { encodingGraphs, planSessions } from '../inference/plan.ts';
import { sampleFiles, sha256 } from '../io/digest.ts';
import { fileError, InputError, ignoreMissing, stopIfAborted, withFileErrors } from '../io/errors.ts';
import { makeFolder, orRemove, statsOf } from '../io/folders.ts';
import { acquireLock } from '../io/lock.ts';
import { counted } from '../io/printable.ts';
import { publishFile } from '../io/publish.ts';
import { sealed } from '../io/sealed.ts';
import { checkTarget } from '../io/target.ts';
import { noteUnjudged } from './encode.ts';
import { isPlanned, readPlan, shardPaths } from './shard-files.ts';

export interface PlanOptions {
  readonly exported: string;
  /** Value of `--data`. */
  readonly data: string;
  readonly split: Split;
  /** Folder of the plan and of the shards. */
  readonly out: string;
  readonly shards: number;
  /** Whether to compute reconstruction errors too; default: yes. */
  readonly error?: boolean | undefined;
  readonly dataOptions?: DataOptions | undefined;
  /** By them the default batch size is chosen. */
  readonly device: Device;
  readonly batchSize?: number | undefined;
  /** Receives warnings. */
  readonly note?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Planned {
  readonly plan: string;
  readonly shards: number;
  readonly images: number | null;
  readonly seconds: number;
}

/** A part of the data set that is encoded. */
interface Chosen {
  readonly part: PartName;
  readonly source: ImageSource;
  readonly prefix?: string;
}

/**
 * Divides the encoding of a data set: writes a plan by which any number of machines encode it, each shard from its own inputs.
 * No image is read, except where all of an array have one checksum. A plan that is there already is kept, if it is the same.
 * @throws InputError when an array is damaged, there are fewer inputs than shards, a part of the data is asked for that has to
 * be chosen by the ids of all images, or the folder has another plan or is being planned in; EnvironmentError; Interrupted
 */
export async function planShards(options: PlanOptions): Promise<Planned> {
  const { data, split, out, shards, dataOptions, signal } = options;
  const began = performance.now();
  if (/\.(parquet|npy)$/i.test(out)) throw new InputError(`--out ${out}: --shards writes a folder; name one`);
  await checkTarget('file', shardPaths(out).plan);
  const model = await openExported(options.exported);
  const reading = optionsFor(model.card, dataOptions);
  const source = await locateData(data, reading);
  try {
    const chosen = chooseParts(source, split, model, data);
    for (const { source } of chosen) await source.plain?.verify?.(); // shards read parts of them
    const survey = hasPieces(chosen, 'tar', 'parquet')
      ? undefined
      : await surveySource(
          source,
          chosen.map(({ part }) => part),
          { known: model.card.classes ?? undefined, where: data },
        );
    const errors = options.error ?? true;
    noteUnjudged(model.card, errors, options.note);
    if (survey) checkLabelling(model.card, data, survey.labelling, errors);
    const counts = await Promise.all(chosen.map(({ source }) => countOf(source)));
    const contents = contentsReader();
    const inputs = () => inputsOf(chosen, counts, survey, contents);
    const sessions = { ...options, graphs: encodingGraphs(errors), images: Number.POSITIVE_INFINITY };
    const { batchSize } = planSessions(bytesPerImage(model.card.image), sessions);
    const { strict = false, maxSkipped = 0.01, label } = dataOptions ?? {};
    const plan = {
      format: ENCODING_PLAN_FORMAT,
      model: await digestsOf(model),
      ...{ data, split, label, errors, strict, maxSkipped, shards, batchSize },
      images: total(counts),
      labelling: survey?.labelling ?? null,
      named: survey ? null : namesOf(chosen),
    } as const;
    const where = { exported: resolve(options.exported), source: absoluteSpec(data) };
    await alone(out, () => publishPlan(out, where, plan, inputs, signal));
    return { plan: out, shards, images: plan.images, seconds: (performance.now() - began) / 1000 };
  } finally {
    for (const [, part] of partsOf(source)) await part.close();
  }
}

/** @throws InputError when the parts are not those of the data, but are divided by the ids of all images */
function chooseParts(source: DataSource, split: Split, { card }: ExportedModel, data: string): Chosen[] {
  const { all, train, val, test } = source;
  const { valSplit } = card.dataset;
  if (split === 'all' && all) return [{ part: 'all', source: all }];
  const held = valSplit !== undefined && !val;
  const instead = 'encode all of the data, or without --shards';
  if (split === 'all' && (held || !(val || test))) {
    throw new InputError(
      `${data}: --shards cannot hold images out, and ${held ? `the model's run held ${valSplit} of the training images out` : 'the data have a training part only'}; encode its parts one by one with --split, or without --shards`,
    );
  }
  if (split === 'all') {
    const named = { train, val, test };
    return (['train', 'val', 'test'] as const).flatMap((part) =>
      named[part] ? [{ part, source: named[part], prefix: `${part}/` }] : [],
    );
  }
  const own = source[split];
  if (own && !(held && split === 'train')) return [{ part: split, source: own }];
  const why = own
    ? `the model's run held ${valSplit} of the training images out`
    : `the data have no part ${split} of their own`;
  throw new InputError(`${data}: --split ${split} with --shards: ${why}; ${instead}`);
}

const hasPieces = (chosen: readonly Chosen[], ...kinds: readonly Piece['kind'][]): boolean =>
  chosen.some(({ source }) => {
    for (const { kind } of source.pieces?.() ?? []) return kinds.includes(kind);
    return false;
  });

/** Number of images; undefined where files or archives have to be read to count them. */
async function countOf(source: ImageSource): Promise<number | undefined> {
  if (source.count !== undefined || source.pieces) return source.count;
  let count = 0;
  for await (const _ of source.entries()) count++;
  return count;
}

/** Class names that the format of the data knows. */
function namesOf(chosen: readonly Chosen[]): string[] | null {
  const classes = chosen.find(({ source }) => source.classes !== undefined)?.source.classes;
  return classes && classes.length > 0 ? [...classes] : null;
}

const total = (counts: readonly (number | undefined)[]): number | null =>
  counts.reduce<number | null>((sum, count) => (sum === null || count === undefined ? null : sum + count), 0);

/** The inputs of all shards, not divided yet. */
function* inputsOf(
  chosen: readonly Chosen[],
  counts: readonly (number | undefined)[],
  survey: LabelSurvey | undefined,
  contents: ReturnType<typeof contentsReader>,
): Generator<EncodingInput> {
  for (const [i, { part, source, prefix }] of chosen.entries()) {
    const own = prefix === undefined ? {} : { prefix };
    if (!source.pieces)
      yield { kind: 'rows', part, ...contents(source.files ?? []), from: 0, to: counts[i] as number, ...own };
    for (const piece of source.pieces?.() ?? []) {
      const path = resolve(piece.path);
      if (piece.kind === 'file') {
        const label = survey?.indexOf(piece.label) ?? -1;
        yield { kind: 'file', id: piece.id, path, ...(label >= 0 && { label }), ...own };
      } else yield { ...piece, path, ...contents([path]), ...own };
    }
  }
}

/** Reads samples of files once, since inputs are listed twice. @throws InputError when a file is missing (the function) */
function contentsReader() {
  const known = new Map<string, ReturnType<typeof sampleFiles>>();
  return (paths: readonly string[]) => {
    const key = paths.join('\0');
    try {
      const found = known.get(key) ?? sampleFiles(paths);
      known.set(key, found);
      return found;
    } catch (error) {
      throw fileError(error, `cannot read ${paths.join(' or ')}`);
    }
  };
}

/** What an input counts in the division: rows, or one for a file. */
const weightOf = (input: EncodingInput): number => ('to' in input ? input.to - input.from : 1);

/** Does some work in a folder, which is created, while no other process does. @throws InputError where another does */
async function alone(folder: string, work: () => Promise<void>): Promise<void> {
  const made = await makeFolder(resolve(folder));
  await orRemove(resolve(folder), made, async () => {
    const release = await acquireLock(join(folder, 'lock'), folder);
    await work().finally(release);
  });
}

/** Bytes that are written at a time. */
const CHUNK = 2 ** 20;

async function publishPlan(
  out: string,
  where: Pick<EncodingPlan, 'exported' | 'source'>,
  plan: Omit<EncodingPlan, 'exported' | 'source' | 'fingerprint' | 'inputs' | 'offsets' | 'starts'>,
  inputs: () => Iterable<EncodingInput>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const paths = shardPaths(out);
  if (!isPlanned(out) && ((await readdir(paths.parts).catch(ignoreMissing)) ?? []).length > 0) {
    throw new InputError(`${out}: it has shards but no plan.json; choose another folder`);
  }
  const complete = (divided: Divided): EncodingPlan => {
    const whole = { ...plan, ...divided };
    return { ...whole, ...where, fingerprint: sha256(JSON.stringify(whole)) };
  };
  if (isPlanned(out)) {
    const [earlier, again] = [
      await readPlan(out),
      complete(await divide(plan, inputs, async () => stopIfAborted(signal))),
    ];
    if (again.fingerprint === earlier.fingerprint) return;
    const differs = (Object.keys(plan) as (keyof typeof plan)[]).find(
      (key) => JSON.stringify(plan[key]) !== JSON.stringify(earlier[key]),
    );
    throw new InputError(
      `${out}: its plan has another ${differs ?? 'list of inputs'}; choose another folder, or encode by the plan that is there`,
    );
  }
  let divided: Divided | undefined;
  const writeInputs = async (path: string) => {
    const file = await open(path, 'w');
    const write = async (lines: string) => {
      stopIfAborted(signal);
      await file.appendFile(lines);
    };
    divided = await divide(plan, inputs, write).finally(() => file.close());
  };
  await publishFile(paths.inputs, writeInputs, { signal });
  const text = sealed(complete(divided as unknown as Divided));
  await publishFile(paths.plan, (path) => writeFile(path, text), { signal });
}

type Divided = Pick<EncodingPlan, 'inputs' | 'offsets' | 'starts'>;

/** Divides the inputs into shards of equal size. @param write is given lines, a line for each input @throws InputError when there are too few */
async function divide(
  { shards, data, images, batchSize }: Pick<EncodingPlan, 'shards' | 'data' | 'images' | 'batchSize'>,
  inputs: () => Iterable<EncodingInput>,
  write: (lines: string) => Promise<void>,
): Promise<Divided> {
  let units = 0;
  let kind: EncodingInput['kind'] = 'file';
  for (const input of inputs()) {
    units += weightOf(input);
    kind = input.kind;
  }
  if (units < shards) {
    const what = kind === 'tar' ? 'archive' : kind === 'file' ? 'image file' : 'image';
    const whole = kind === 'tar' ? ', and archives are not divided' : '';
    throw new InputError(
      `--shards ${shards}: ${data} has ${counted(units, what)}${whole}; choose at most ${counted(units, 'shard')}`,
    );
  }
  const step = kind === 'tar' || units < shards * batchSize ? 1 : batchSize;
  const [offsets, starts] = [[0], [0]];
  const hash = createHash('sha256');
  let [bytes, done, lines] = [0, 0, ''];
  const flush = async () => {
    hash.update(lines);
    await write(lines);
    lines = '';
  };
  for (const input of inputs()) {
    for (let at = 0, weight = weightOf(input); at < weight; ) {
      const end = Math.min(units, step * Math.floor((offsets.length * Math.ceil(units / step)) / shards));
      const taken = Math.min(weight - at, end - done);
      const line = `${sealed(sliceOf(input, at, taken))}\n`;
      lines += line;
      bytes += Buffer.byteLength(line);
      at += taken;
      done += taken;
      if (done === end) {
        offsets.push(bytes);
        starts.push(done);
      }
      if (lines.length > CHUNK) await flush();
    }
  }
  await flush();
  return { inputs: hash.digest('hex'), offsets, starts: images === null ? null : starts };
}

function sliceOf(input: EncodingInput, at: number, count: number): EncodingInput {
  if (input.kind === 'file') return { ...input, bytes: sizeOf(input.path) };
  return 'to' in input ? { ...input, from: input.from + at, to: input.from + at + count } : input;
}

/** Size of an image file; undefined where it is missing. @throws EnvironmentError */
function sizeOf(path: string): number | undefined {
  try {
    return statsOf(path)?.size;
  } catch (error) {
    throw fileError(error, `cannot read ${path}`);
  }
}

/** SHA-256 of the files of an exported model. */
export async function digestsOf({ folder, card }: ExportedModel): Promise<EncodingPlan['model']> {
  const path = join(folder, 'card.json');
  const text = await withFileErrors(`cannot read ${path}`, () => readFile(path));
  const { 'encoder.onnx': encoder, 'decoder.onnx': decoder } = card.files;
  return { encoder: encoder.sha256, decoder: decoder.sha256, card: sha256(text) };
}
