import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Contents of all files under a folder by path, sorted; links are followed. */
export function contentsOf(folder: string, prefix = ''): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) {
      for (const [file, data] of contentsOf(path, `${prefix}${name}/`)) files.set(file, data);
    } else files.set(prefix + name, readFileSync(path));
  }
  return files;
}

/**
 * A line for each file of a run, equal for runs that trained identically: its SHA-256 (of the metrics without times and
 * rates, which its checksum has) or, for event files, its size.
 */
export function digestOf(run: string): string[] {
  return [...contentsOf(run)].map(([file, data]) => {
    if (file.includes('tfevents')) return `${file} ${data.length} bytes`; // it contains times
    if (file === 'SHA256SUMS') return `${file} ${data.toString().replace(/^\S+ {2}metrics.jsonl$/m, '')}`;
    const content = file === 'metrics.jsonl' ? data.toString().replaceAll(/"(rate|time|crc)":[\w."]+,?/g, '') : data;
    return `${file} ${createHash('sha256').update(content).digest('hex')}`;
  });
}
