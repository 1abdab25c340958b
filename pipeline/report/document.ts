import { readFileSync } from 'node:fs';
import type { PictureNote } from '../artifacts/report.ts';
import { escapeXml } from '../pictures/drawing.ts';
import type { Comparison, Figure, Section } from './figures.ts';
import type { Picture } from './pictures.ts';

const style = readFileSync(new URL('./page.css', import.meta.url), 'utf8');

/** A report that is rendered as a page and as text. */
export interface Document<P extends PictureNote = Picture> {
  readonly title: string;
  readonly heading: string;
  /** A phrase below the heading, without a full stop. */
  readonly summary: string;
  /** The main figures. */
  readonly tiles: readonly Pick<Figure, 'name' | 'value'>[];
  readonly sections: readonly Section<P>[];
  /** Sentences. */
  readonly notes: readonly string[];
  /** A sentence on what was measured, and how. */
  readonly about: string;
}

/** One self-contained HTML file. */
export function pageOf({ title, heading, summary, tiles, sections, notes, about }: Document): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeXml(title)}</title>
<style>
${style}</style>
</head>
<body>
<header>
<h1>${escapeXml(heading)}</h1>
<p class="summary">${escapeXml(summary)}</p>
<dl class="tiles">${tiles.map(tileHtml).join('')}</dl>
</header>
<main>
${sections.map(sectionHtml).join('\n')}
${notes.length > 0 ? `<section><h2>Notes</h2><ul>${notes.map((note) => `<li>${escapeXml(note)}</li>`).join('')}</ul></section>` : ''}
</main>
<footer><p>${escapeXml(about)}</p></footer>
</body>
</html>
`;
}

const tileHtml = ({ name, value }: Pick<Figure, 'name' | 'value'>): string =>
  `<div><dt>${escapeXml(name)}</dt><dd>${valueHtml(value)}</dd></div>`;

/** A value, its unit in small type. */
function valueHtml(value: string): string {
  const [, amount = value, unit = ''] = /^(\S+)\s*(.*)$/.exec(value) ?? [];
  return `${escapeXml(amount)}${unit ? ` <small>${escapeXml(unit)}</small>` : ''}`;
}

const sectionHtml = ({ title, figures, comparison, pictures }: Section<Picture>): string => `<section>
<h2>${escapeXml(title)}</h2>
${figures.length > 0 ? `<dl class="figures">${figures.map(figureHtml).join('\n')}</dl>` : ''}
${comparison ? comparisonHtml(comparison) : ''}
${pictures.map(pictureHtml).join('\n')}
</section>`;

const ARROWS: Record<Figure['better'], string> = {
  lower: ' <span class="better" title="lower is better">↓</span>',
  higher: ' <span class="better" title="higher is better">↑</span>',
  neither: '',
};

const figureHtml = ({ name, value, meaning, better }: Figure): string =>
  `<div><dt>${escapeXml(name)}${ARROWS[better]}</dt><dd class="value">${escapeXml(value)}</dd><dd class="meaning">${escapeXml(meaning)}</dd></div>`;

function comparisonHtml({ head, rows, meaning, better }: Comparison): string {
  const [first, ...others] = head;
  const cells = rows.map(
    ([name = '', ...values]) =>
      `<tr><th scope="row">${escapeXml(name)}</th>${values.map((value) => `<td>${escapeXml(value)}</td>`).join('')}</tr>`,
  );
  return `<div class="comparison"><table>
<caption>${escapeXml(meaning)}</caption>
<thead><tr><th scope="col">${escapeXml(first ?? '')}</th>${others.map((name) => `<th scope="col">${escapeXml(name)}${ARROWS[better]}</th>`).join('')}</tr></thead>
<tbody>${cells.join('')}</tbody>
</table></div>`;
}

function pictureHtml({ file, title, caption, alt, width, height, density, data }: Picture): string {
  const type = file.endsWith('.webp') ? 'image/webp' : 'image/png';
  const source = `data:${type};base64,${Buffer.from(data).toString('base64')}`;
  return `<figure><h3>${escapeXml(title)}</h3>
<div class="frame"><img src="${source}" alt="${escapeXml(alt)}" width="${Math.round(width / density)}" height="${Math.round(height / density)}"></div>
<figcaption>${escapeXml(caption)}</figcaption></figure>`;
}

/** Markdown: the figures in tables, and the pictures, which are in the folder `pictures`. */
export function textOf({ heading, summary, sections, notes, about }: Document<PictureNote>): string {
  const blocks = [
    `# ${escapeText(heading)}`,
    `${escapeText(summary)}. ${escapeText(about)}`,
    ...sections.flatMap(({ title, figures, comparison, pictures }) => [
      `## ${title}`,
      figures.length > 0 &&
        tableText(
          ['figure', 'value', 'meaning'],
          figures.map(({ name, value, meaning }) => [name, value, meaning]),
        ),
      comparison && tableText(comparison.head, comparison.rows),
      comparison?.meaning,
      ...pictures.map(({ file, alt, caption }) => `![${escapeText(alt)}](pictures/${file})\n\n${escapeText(caption)}`),
    ]),
    notes.length > 0 && `## Notes\n\n${notes.map((note) => `- ${escapeText(note)}`).join('\n')}`,
  ];
  return `${blocks.filter(Boolean).join('\n\n')}\n`;
}

function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map(escapeText).join(' | ')} |`;
  return [row(head), `|${head.map(() => ' --- ').join('|')}|`, ...rows.map(row)].join('\n');
}

/** Escapes Markdown's characters, and joins lines. */
const escapeText = (text: string): string =>
  text.replace(/[\\`*_[\]<>|#]/g, (sign) => `\\${sign}`).replace(/\s*\n\s*/g, ' ');
