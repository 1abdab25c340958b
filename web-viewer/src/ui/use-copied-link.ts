import { useState } from 'preact/hooks';

/** How long it is said that a link was copied, in milliseconds. */
const SHOWN = 2500;

/** Copies the page's address. @returns what came of it, for a while, and a function that copies */
export function useCopiedLink() {
  const [copied, setCopied] = useState<'no' | 'yes' | 'failed'>('no');
  const copy = async () => {
    setCopied((await toClipboard(location.href)) ? 'yes' : 'failed');
    setTimeout(() => setCopied('no'), SHOWN);
  };
  return [copied, () => void copy()] as const;
}

/** @returns whether the text is on the clipboard */
async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages over plain http have no clipboard API.
    const field = document.createElement('textarea');
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    return done;
  }
}
