/** Encodes in its own process and reports the peak memory. */
import { encode } from '../../pipeline/encode/encode.ts';

const [exported = '', data = '', out = ''] = process.argv.slice(2);
const { rows, seconds } = await encode({ exported, data, split: 'all', out, device: 'cpu' });
console.log(JSON.stringify({ rows, seconds, peakMiB: process.resourceUsage().maxRSS / 1024 }));
