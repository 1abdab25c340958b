import type { EncodeResult } from '../encode/encode.ts';
import type { EncodedShards } from '../encode/encode-shards.ts';
import type { Merged } from '../encode/merge-shards.ts';
import type { Planned } from '../encode/plan-shards.ts';
import type { ShardStatus } from '../encode/shard-status.ts';
import { InputError } from '../io/errors.ts';
import { counted, quoted } from '../io/printable.ts';
import { defineCommand } from './command.ts';
import { written } from './exported.ts';
import { dataOptionsOf, flag, integers, options, pick, readingOptions, text } from './options.ts';
import { duration, number, type Printout, seconds } from './output.ts';

type Result = EncodeResult | Planned | EncodedShards | ShardStatus | Merged;

/** Options of which one at most is given. */
const MODES = ['shards', 'shard', 'shardsOf', 'status', 'merge'] as const;
/** Options that a plan decides for its shards. */
const PLANNED = ['data', 'split', 'label', 'error', 'maxSkipped', 'strict'] as const;
const nameOf = (key: string) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

export const encode = defineCommand({
  command: 'encode [exported]',
  describe: 'Encode images to latents, in one process or by shards on many machines',
  options: {
    exported: { ...text(options.exported.describe), defaultDescription: "the plan's, of shards" },
    data: { ...text(options.data.describe), defaultDescription: "the plan's, of shards" },
    split: { ...options.split, defaultDescription: 'all' },
    out: {
      ...text('output file: .parquet or .npy; by shards, the folder of the plan'),
      defaultDescription: 'required',
    },
    error: {
      describe: 'write reconstruction errors too; --no-error is faster',
      type: 'boolean',
      defaultDescription: 'true for Parquet',
    },
    ...integers({ shards: ['plan: divide the images into N shards, in the folder --out'] }),
    shard: text(
      'encode shard I of the plan in --out, from 0 on; auto: that of the array task of Slurm, Kubernetes or AWS Batch',
    ),
    'shards-of': text('encode every COUNTth shard: MACHINE/COUNT, with machines from 0 on, as in 0/4'),
    status: text('folder of a plan: show what is done, running, failed and missing'),
    merge: text('folder of a plan: check all shards and make one data set of them'),
    single: flag('with --merge: write one file, as without shards'),
    ...readingOptions,
    ...pick('device', 'batch-size', 'threads', 'quiet'),
  },
  examples: {
    'encode exported/cae --data mnist --out mnist.parquet': 'write id, label, latent and error of 70,000 images',
    'encode exported/cae --data photos --out photos.npy': 'write only the latents, as a NumPy array',
    'encode exported/cae --data photos --out encoded --shards 512': 'plan 512 shards',
    'encode --out encoded --shard 7': 'encode one of them',
    'encode --merge encoded': 'write encoded/latents/, once all are encoded',
  },
  async run(args, { signal, note, countImages }): Promise<Result> {
    const { data, out, exported, status, merge, single, shards, ...rest } = args;
    const given = MODES.filter((mode) => args[mode] !== undefined);
    if (given.length > 1) throw new InputError(`${given.map(nameOf).join(' and ')}: give one of them`);
    if (single && merge === undefined) throw new InputError('--single: it belongs to --merge');
    const device = { ...rest, signal, note };
    if (status !== undefined) {
      refusePlanned(args, status);
      return (await import('../encode/shard-status.ts')).shardStatus(status);
    }
    if (merge !== undefined) {
      refusePlanned(args, merge);
      const { mergeShards } = await import('../encode/merge-shards.ts');
      return countImages((progress) => mergeShards({ folder: merge, exported, out, single, signal, note, progress }));
    }
    if (out === undefined) throw missing('out');
    if (await isByShards(args, out)) {
      const { encodeShards } = await import('../encode/encode-shards.ts');
      const choose = await chosenBy(args, out);
      refusePlanned(args, out);
      return countImages((progress) => {
        const dataOptions = dataOptionsOf({ cache: args.cache }, { signal, progress: undefined });
        return encodeShards({ ...device, exported, out, choose, dataOptions, progress });
      });
    }
    if (exported === undefined) throw missing('exported');
    if (data === undefined) throw missing('data');
    const { split = 'all' } = args;
    if (shards !== undefined) {
      const { planShards } = await import('../encode/plan-shards.ts');
      const dataOptions = dataOptionsOf(args, { signal, progress: undefined });
      return planShards({ ...device, exported, data, split, out, shards, error: args.error, dataOptions });
    }
    const { encode } = await import('../encode/encode.ts');
    return countImages((progress, reading) => {
      const dataOptions = dataOptionsOf(args, { signal, note, progress: reading });
      return encode({ ...device, exported, data, out, split, error: args.error, dataOptions, progress });
    });
  },
  print: printResult,
});

const missing = (name: string) => new InputError(`Missing required argument: ${name} (see \`convae encode --help\`)`);

interface ShardArguments {
  readonly shards?: number | undefined;
  readonly shard?: string | undefined;
  readonly shardsOf?: string | undefined;
}

/** @throws InputError where an option is given that the plan in a folder decides */
function refusePlanned(args: Partial<Record<(typeof PLANNED)[number], unknown>>, folder: string): void {
  const given = { ...args, strict: args.strict || undefined };
  const other = PLANNED.find((name) => given[name] !== undefined);
  if (!other) return;
  const name = args[other] === false ? `--no-${other}` : nameOf(other);
  throw new InputError(`${name}: the plan in ${folder} decides it; leave it out, or plan again into another folder`);
}

/** Whether shards of a plan are to be encoded: asked for, or `out` is a plan's folder and no other plan is asked for. */
async function isByShards({ shards, shard, shardsOf }: ShardArguments, out: string): Promise<boolean> {
  if (shards !== undefined) return false;
  return shard !== undefined || shardsOf !== undefined || (await import('../encode/shard-files.ts')).isPlanned(out);
}

async function chosenBy({ shard, shardsOf }: ShardArguments, out: string) {
  const { oneShard, shardOfTask, shareOfShards } = await import('../encode/choose-shards.ts');
  if (shardsOf !== undefined) return shareOfShards(shardsOf);
  if (shard !== undefined) return oneShard(shard);
  const own = shardOfTask();
  if (own) return own;
  throw new InputError(
    `${out} is planned to be encoded by shards; say which: --shard I, --shards-of MACHINE/COUNT or --shard auto`,
  );
}

function printResult(result: Result): Printout {
  if ('plan' in result) {
    const { plan, shards, images } = result;
    return {
      rows: [
        ['plan', `${plan}/plan.json`],
        ['shards', number(shards)],
        ['images', images === null ? 'not counted' : number(images)],
        ['time', seconds(result.seconds)],
      ],
      notes: [`encode them with \`convae encode --out ${quoted(plan)} --shard I\`, I from 0 to ${shards - 1}`],
    };
  }
  if ('encoded' in result) {
    const { out, encoded, present, rows, skipped } = result;
    return {
      rows: [
        ...written('shards', out, rows, result).rows,
        ['encoded', `${number(encoded)}, ${number(present)} were there already`],
        ...(skipped > 0 ? [['skipped', `${counted(skipped, 'image')} that cannot be read`]] : []),
      ],
    };
  }
  if ('folder' in result) return printStatus(result);
  if ('files' in result) {
    const { out, rows, files } = result;
    return {
      rows: [
        ['latents', out],
        ['rows', number(rows)],
        ['files', number(files)],
        ['time', seconds(result.seconds)],
      ],
    };
  }
  const { rows } = written('latents', result.out, result.rows, result);
  const { flagged, score } = result;
  if (flagged === undefined) return { rows };
  const ofOne = score === undefined ? '' : ` (score ${number(score, 2)})`;
  return { rows: [...rows, ['flagged', `${number(flagged)} of ${number(result.rows)}${ofOne}`]] };
}

function printStatus({ shards, done, running, failed, missing, images, skipped, ...status }: ShardStatus): Printout {
  const { rate, secondsLeft, failures, firstMissing } = status;
  const share = (count: number) => `${number(count)} of ${number(shards)}`;
  const some = `: ${firstMissing.join(', ')}${missing > firstMissing.length ? ', …' : ''}`;
  return {
    rows: [
      ['done', share(done)],
      ['running', number(running)],
      ['failed', number(failed)],
      ['missing', `${number(missing)}${missing > 0 ? some : ''}`],
      ...(images ? [['images', `${number(images.done)} of ${number(images.total)}`]] : []),
      ...(skipped > 0 ? [['skipped', `${counted(skipped, 'image')} that cannot be read`]] : []),
      ...(rate === null ? [] : [['rate', `${number(rate)} images/s, ETA ${duration(secondsLeft ?? 0)}`]]),
    ],
    notes: failures.map(({ shard, host, message }) => `shard ${shard} failed on ${host}: ${message}`),
  };
}
