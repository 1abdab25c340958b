import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import { type ExportedModel, openExported } from '../inference/exported.ts';
import { sha256 } from '../io/digest.ts';
import { fileError, InputError } from '../io/errors.ts';

/** An exported model that a site shows. */
export interface Subject {
  /** What visitors read: the name of its folder. */
  readonly name: string;
  /** Its folder in the site, of letters that need no escape in a URL. */
  readonly folder: string;
  /** Where it was exported to. */
  readonly exported: string;
  readonly model: ExportedModel;
  readonly card: Card;
  /** SHA-256 of card.json, which names the model's files by theirs. */
  readonly cardHash: string;
}

/**
 * Opens exported models, checking their files.
 * @throws InputError when there is none, one is damaged, or two would have the same folder in the site
 */
export async function openSubjects(folders: readonly string[]): Promise<Subject[]> {
  if (folders.length === 0) {
    throw new InputError(
      'there is no exported model to show; make one with `make train export` (or `convae export RUN`)',
    );
  }
  const subjects: Subject[] = [];
  for (const exported of folders) {
    const model = await openExported(exported);
    const name = basename(resolve(exported));
    const folder = urlSafe(name);
    const same = subjects.find((other) => other.folder.toLowerCase() === folder.toLowerCase());
    if (same) {
      throw new InputError(
        `${exported}: its name in the site would be ${folder}, as that of ${same.exported}; rename one of the folders`,
      );
    }
    const cardHash = await hashOf(join(exported, 'card.json'));
    subjects.push({ name, folder, exported, model, card: model.card, cardHash });
  }
  return subjects;
}

const urlSafe = (name: string): string => name.replace(/[^\w.-]+/g, '-').replace(/^\.+/, '') || 'model';

async function hashOf(path: string): Promise<string> {
  const text = await readFile(path).catch((error: unknown) => {
    throw fileError(error, `cannot read ${path}`);
  });
  return sha256(text);
}
