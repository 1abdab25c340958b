/** A file of the site, or of the visitor, is wrong. The message is shown to the visitor. */
export class FileProblem extends Error {}

/** What an error says. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
