import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'npyjs';
import type { Card } from '../../pipeline/artifacts/card.ts';
import { trainAndTest } from '../data/support.ts';
import { exportTiny, type TinyOptions } from '../encode/tiny-model.ts';

export const readJson = <T = Record<string, unknown>>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;

/** Rewrites a part of card.json. */
export function changeCard(folder: string, change: Partial<Card>): void {
  const path = join(folder, 'card.json');
  writeFileSync(path, JSON.stringify({ ...readJson(path), ...change }, null, 2));
}

/** An exported tiny model whose card says that it was trained on some data. */
export async function exportTrained(folder: string, data: string, options: TinyOptions = {}): Promise<string> {
  await exportTiny(folder, options);
  const { train, test } = await trainAndTest(data);
  const about = async (part: typeof train) => ({ images: part.length, ...(await part.fingerprints()) });
  changeCard(folder, { dataset: { name: data, train: await about(train), test: await about(test) } });
  await Promise.all([train.close(), test.close()]);
  return folder;
}

/** A copy of an exported model without the points that a site has left there. */
export function copyExport(from: string, to: string): string {
  cpSync(from, to, { recursive: true, filter: (path) => basename(path) !== 'viewer' });
  return to;
}

/** A built app, as short as can be. */
export function stubApp(folder: string): string {
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>stub</title>');
  return folder;
}

export function readNpy(path: string): { shape: number[]; numbers: number[]; dtype: string } {
  const { data, shape, dtype } = parse(new Uint8Array(readFileSync(path)).buffer);
  return { shape, numbers: Array.from(data as Float32Array | Int32Array), dtype };
}
