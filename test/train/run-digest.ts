import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Every file under a folder with its content, links followed; paths sorted. */
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
 * What must be equal in two runs that did the same, as text that a test can compare: every file by its SHA-256; of the
 * metrics what does not speak of time.
 */
export function digestOf(run: string): string[] {
  return [...contentsOf(run)].map(([file, data]) => {
    if (file.includes('tfevents')) return `${file} ${data.length} bytes`; // holds times
    const content = file === 'metrics.jsonl' ? data.toString().replaceAll(/"(rate|time)":[\d.]+,?/g, '') : data;
    return `${file} ${createHash('sha256').update(content).digest('hex')}`;
  });
}
