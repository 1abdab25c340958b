import { readFileSync } from 'node:fs';
import type { Report } from '../artifacts/report.ts';
import { escapeXml } from '../pictures/drawing.ts';
import { type Comparison, type Figure, isTold, percent, type Section, sectionsOf } from './figures.ts';
import type { Picture } from './picture.ts';
import { aboutOf } from './text.ts';

const style = readFileSync(new URL('./page.css', import.meta.url), 'utf8');

/** `report.html`: everything in one file that asks for no other. */
export function reportPage(report: Report, pictures: readonly Picture[]): string {
  const { model, notes } = report;
  const title = `${model.name}: how well it does`;
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
<h1>${escapeXml(model.name)}</h1>
<p class="summary">${escapeXml(capital(model.summary))}, with a code of ${model.latent} numbers</p>
${tiles(report)}
</header>
<main>
${sectionsOf(report)
  .map((section) => sectionHtml(section, pictures))
  .join('\n')}
${notes.length > 0 ? `<section><h2>Left out</h2><ul>${notes.map((note) => `<li>${escapeXml(note)}</li>`).join('')}</ul></section>` : ''}
</main>
<footer><p>${escapeXml(aboutOf(report))}</p></footer>
</body>
</html>
`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** The figures that say most, large. */
function tiles(report: Report): string {
  const { representations, clusters, generation } = report;
  const figures = sectionsOf(report).flatMap((section) => section.figures);
  const named = (name: string) => figures.find((figure) => figure.name === name);
  const error = named('−ELBO') ?? named('BCE per pixel') ?? named('MSE per pixel');
  const [codes] = representations ?? [];
  const told = isTold(report);
  const found: [string, string][] = [
    ...(error ? [[error.name, error.value] as [string, string]] : []),
    ...(generation
      ? ([
          ['samples recognised', percent(generation.accuracy)],
          ['Fréchet distance', named('Fréchet distance')?.value ?? ''],
        ] as [string, string][])
      : []),
    ...(codes && !told ? [['class told by neighbours', percent(codes.neighbours.accuracy)] as [string, string]] : []),
    ...(clusters && !told ? [['clustering accuracy', percent(clusters.accuracy)] as [string, string]] : []),
  ];
  return `<dl class="tiles">${found
    .map(([name, value]) => `<div><dt>${escapeXml(name)}</dt><dd>${valueHtml(value)}</dd></div>`)
    .join('')}</dl>`;
}

/** A value with its unit smaller. */
function valueHtml(value: string): string {
  const [, amount = value, unit = ''] = /^(\S+)\s*(.*)$/.exec(value) ?? [];
  return `${escapeXml(amount)}${unit ? ` <small>${escapeXml(unit)}</small>` : ''}`;
}

function sectionHtml({ title, figures, comparison, pictures: names }: Section, pictures: readonly Picture[]): string {
  const drawn = names.flatMap((name) => pictures.filter(({ file }) => file.startsWith(`${name}.`)));
  return `<section>
<h2>${escapeXml(title)}</h2>
${figures.length > 0 ? `<dl class="figures">${figures.map(figureHtml).join('\n')}</dl>` : ''}
${comparison ? comparisonHtml(comparison) : ''}
${drawn.map(pictureHtml).join('\n')}
</section>`;
}

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
