import { readFileSync } from 'node:fs';
import type { Report } from '../artifacts/report.ts';
import { escapeXml } from '../pictures/drawing.ts';
import { type Comparison, type Figure, integer, type Section, sectionsOf } from './figures.ts';
import type { Picture } from './pictures.ts';

const style = readFileSync(new URL('./page.css', import.meta.url), 'utf8');

/** `report.html`: one self-contained file. */
export function reportPage(report: Report, pictures: readonly Picture[]): string {
  const { model, notes } = report;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeXml(model.name)}: evaluation</title>
<style>
${style}</style>
</head>
<body>
<header>
<h1>${escapeXml(model.name)}</h1>
<p class="summary">${escapeXml(capital(model.summary))}; latent size ${model.latent}</p>
${tiles(report)}
</header>
<main>
${sectionsOf(report, pictures).map(sectionHtml).join('\n')}
${notes.length > 0 ? `<section><h2>Notes</h2><ul>${notes.map((note) => `<li>${escapeXml(note)}</li>`).join('')}</ul></section>` : ''}
</main>
<footer><p>${escapeXml(aboutOf(report))}</p></footer>
</body>
</html>
`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** The main figures: the first of `ERRORS` that the report has, and those of `MAIN`. */
const ERRORS = ['−ELBO', 'BCE per pixel', 'MSE per pixel'];
const MAIN = ['Samples recognised', 'Fréchet distance', '10-NN accuracy', 'Clustering accuracy'];

/** The main figures, in large type. */
function tiles(report: Report): string {
  const all = sectionsOf(report, []).flatMap(({ figures, comparison }) => {
    const [, nearest = ''] = comparison?.rows[0] ?? [];
    return comparison ? [...figures, { ...comparison, name: '10-NN accuracy', value: nearest }] : figures;
  });
  const named = (name: string) => all.filter((figure) => figure.name === name && figure.better !== 'neither');
  const tile = ({ name, value }: Pick<Figure, 'name' | 'value'>) =>
    `<div><dt>${escapeXml(name)}</dt><dd>${valueHtml(value)}</dd></div>`;
  const main = [...ERRORS.flatMap(named).slice(0, 1), ...MAIN.flatMap(named)];
  return `<dl class="tiles">${main.map(tile).join('')}</dl>`;
}

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

/** `report.md`: the figures in tables, and the pictures. */
export function reportText(report: Report): string {
  const { model, notes } = report;
  const sections = sectionsOf(report, report.pictures).flatMap(({ title, figures, comparison, pictures }) => [
    `## ${title}`,
    figures.length > 0 &&
      tableText(
        ['figure', 'value', 'meaning'],
        figures.map(({ name, value, meaning }) => [name, value, meaning]),
      ),
    comparison && tableText(comparison.head, comparison.rows),
    comparison?.meaning,
    ...pictures.map(({ file, alt, caption }) => `![${escapeText(alt)}](pictures/${file})\n\n${escapeText(caption)}`),
  ]);
  const blocks = [
    `# ${escapeText(model.name)}`,
    `${escapeText(model.summary)}. ${escapeText(aboutOf(report))}`,
    ...sections,
    notes.length > 0 && `## Notes\n\n${notes.map((note) => `- ${escapeText(note)}`).join('\n')}`,
  ];
  return `${blocks.filter(Boolean).join('\n\n')}\n`;
}

/** Model, data and settings, in plain text. */
function aboutOf({ model, data, seconds, settings, convae }: Report): string {
  const { height, width, channels } = data.image;
  const images = model.images === undefined ? '' : ` on ${integer(model.images)} images`;
  return `Trained for ${model.epochs} ${model.epochs === 1 ? 'epoch' : 'epochs'}${images} (seed ${model.seed}); evaluated on ${data.name}, ${integer(data.train)} training and ${integer(data.test)} test images of ${width}×${height}×${channels}, with seed ${settings.seed} in ${integer(seconds.total)} s by convae ${convae}.`;
}

function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map(escapeText).join(' | ')} |`;
  return [row(head), `|${head.map(() => ' --- ').join('|')}|`, ...rows.map(row)].join('\n');
}

/** Escapes Markdown's characters, and joins lines. */
const escapeText = (text: string): string =>
  text.replace(/[\\`*_[\]<>|#]/g, (sign) => `\\${sign}`).replace(/\s*\n\s*/g, ' ');
