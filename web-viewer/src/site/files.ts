import { FileProblem } from './problem.ts';

/** Receives the number of bytes read since the last call. */
export type OnBytes = (bytes: number) => void;

/** The source of a site's or a model's files: the host, or a drop. Paths are relative. */
export interface FileSource {
  /** @throws FileProblem when the file is missing or cannot be read */
  read(path: string, onBytes?: OnBytes): Promise<Uint8Array<ArrayBuffer>>;
  /** URL for an `<img>` or a link. */
  url(path: string): string;
  /** The same source, relative to a folder. */
  at(folder: string): FileSource;
}

/** Files of a static host, below a URL that ends in a slash. */
export function hosted(base: URL): FileSource {
  return {
    url: (path) => new URL(path, base).href,
    at: (folder) => hosted(new URL(`${folder.replace(/\/$/, '')}/`, base)),
    async read(path, onBytes) {
      return new Uint8Array(await new Response(await fetched(new URL(path, base), onBytes)).arrayBuffer());
    },
  };
}

/** Files in memory, by path. */
export function inMemory(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>, folder = ''): FileSource {
  const find = (path: string) => {
    const bytes = files.get(folder + path);
    if (!bytes) throw new FileProblem(`${path} is missing`);
    return bytes;
  };
  const urls = new Map<string, string>();
  return {
    url(path) {
      const made = urls.get(path) ?? URL.createObjectURL(new Blob([find(path)], { type: mediaType(path) }));
      urls.set(path, made);
      return made;
    },
    at: (inner) => inMemory(files, `${folder}${inner.replace(/\/$/, '')}/`),
    async read(path, onBytes) {
      const bytes = find(path);
      onBytes?.(bytes.length);
      return bytes;
    },
  };
}

/** The value of a JSON file, unvalidated. @throws FileProblem */
export function parseJson(bytes: Uint8Array | undefined, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new FileProblem(`${path} is not JSON`);
  }
}

/** Reads a JSON file, unvalidated. @throws FileProblem */
export const readJson = async (source: FileSource, path: string, onBytes?: OnBytes): Promise<unknown> =>
  parseJson(await source.read(path, onBytes), path);

const mediaType = (path: string) =>
  path.endsWith('.png') ? 'image/png' : path.endsWith('.html') ? 'text/html' : 'application/octet-stream';

/** A file of the host, as it arrives. @throws FileProblem when it is missing or cannot be fetched */
export async function fetched(url: URL, onBytes?: OnBytes): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const problem = (why: string) => new FileProblem(`${url.pathname} cannot be fetched: ${why}`);
  const response = await fetch(url).catch(() => {
    throw problem('the network or the host does not respond');
  });
  if (!response.ok) throw problem(`the host answered ${response.status}`);
  if (!response.body) throw problem('the answer is empty');
  const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(part, controller) {
      onBytes?.(part.length);
      controller.enqueue(part);
    },
  });
  return response.body.pipeThrough(count);
}
