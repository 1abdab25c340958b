/** Something is wrong with a file of the site, or with one that the visitor has given; its message is for them. */
export class FileProblem extends Error {}
