import type { Report } from '../artifacts/report.ts';
import { sectionsOf, whole } from './figures.ts';

/** `report.md`: the figures in tables, and the pictures. */
export function reportText(report: Report): string {
  const { model, notes, pictures } = report;
  const sections = sectionsOf(report).map(({ title, figures, comparison, pictures: names }) => {
    const drawn = pictures.filter(({ file }) => names.some((name) => file.startsWith(`${name}.`)));
    return [
      `## ${title}`,
      figures.length > 0 &&
        tableText(
          ['figure', 'value', 'meaning'],
          figures.map((figure) => [figure.name, figure.value, figure.meaning]),
        ),
      comparison && tableText(comparison.head, comparison.rows),
      comparison?.meaning,
      ...drawn.map(({ file, alt, caption }) => `![${escapeText(alt)}](pictures/${file})\n\n${escapeText(caption)}`),
    ];
  });
  const blocks = [
    `# ${escapeText(model.name)}`,
    `${escapeText(model.summary)}. ${aboutText(report)}`,
    ...sections.flat(),
    notes.length > 0 && `## Left out\n\n${notes.map((note) => `- ${escapeText(note)}`).join('\n')}`,
  ];
  return `${blocks.filter((block) => typeof block === 'string' && block !== '').join('\n\n')}\n`;
}

/** What was measured on what, in a sentence or two, without marks. */
export function aboutOf({ model, data, seconds, settings, convae }: Report): string {
  const { height, width, channels } = data.image;
  return `Trained for ${model.epochs} epochs (seed ${model.seed}); measured on ${data.name}, ${whole(data.train)} training and ${whole(data.test)} test images of ${height}×${width}×${channels}, with seed ${settings.seed} in ${whole(seconds.total)} s by convae ${convae}.`;
}

const aboutText = (report: Report) => escapeText(aboutOf(report));

function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map(escapeText).join(' | ')} |`;
  return [row(head), `|${head.map(() => ' --- ').join('|')}|`, ...rows.map(row)].join('\n');
}

/** What Markdown would take for its own signs, and line ends. */
const escapeText = (text: string): string =>
  text.replace(/[\\`*_[\]<>|#]/g, (sign) => `\\${sign}`).replace(/\s*\n\s*/g, ' ');
