import { basename } from 'node:path';
import type { DataSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { imageFileSource } from './image-files.ts';

/** A single image file. Each page of a TIFF is an image: `page-000`, `page-001` … */
export function locateImage(path: string, { signal }: DataOptions = {}): DataSource {
  const pageId = (_: string, page: number, pages: number) =>
    `page-${String(page).padStart(Math.max(3, String(pages - 1).length), '0')}`;
  const files = () => [{ id: basename(path), path }];
  return { all: imageFileSource({ name: path, count: 1, files, signal, pageId }), notes: [] };
}
