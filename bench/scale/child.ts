/** Encodes all shards of a plan that are not there, in its own process, and reports rate and peak memory. */
import { shareOfShards } from '../../pipeline/encode/choose-shards.ts';
import { encodeShards } from '../../pipeline/encode/encode-shards.ts';

const [out = '', share = '0/1', threads = '1'] = process.argv.slice(2);
const { rows, seconds } = await encodeShards({
  out,
  choose: shareOfShards(share),
  device: 'cpu',
  threads: Number(threads),
});
console.log(JSON.stringify({ rows, seconds, peakMiB: process.resourceUsage().maxRSS / 1024 }));
