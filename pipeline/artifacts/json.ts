import { z } from 'zod';
import { printable } from '../io/printable.ts';
import { unsealed } from '../io/sealed.ts';

/**
 * Parses and checks a JSON file.
 * @param refuse makes the error for a reason, which is a clause
 */
export function parseJson<T>(schema: z.core.$ZodType<T>, text: string, refuse: (reason: string) => Error): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`it is not JSON (${printable(String((error as Error).message).replace(/\s+/g, ' '))})`);
  }
  const parsed = z.safeParse(schema, value);
  if (parsed.success) return parsed.data;
  throw refuse(issuesOf(parsed.error));
}

/** As `parseJson`, of a file, or of a line of one, that has a checksum unless an earlier version wrote it. */
export function parseSealed<T>(schema: z.core.$ZodType<T>, text: string, refuse: (reason: string) => Error): T {
  const bare = unsealed(text);
  if (bare === undefined) throw refuse('it is damaged: its checksum is another');
  return parseJson(schema, bare, refuse);
}

/** zod's list of issues, which has two lines for each, in one line. */
export const issuesOf = (error: z.core.$ZodError) =>
  z
    .prettifyError(error)
    .replace(/\s*\n\s*→ at /g, ' at ')
    .replace(/^✖ /, '')
    .replace(/\n✖ /g, '; ');

/** The number `format` of a JSON file, whatever else it contains; undefined where there is none. */
export function formatOf(text: string): number | undefined {
  try {
    return z.object({ format: z.number() }).parse(JSON.parse(text)).format;
  } catch {
    return undefined;
  }
}
