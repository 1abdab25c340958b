import { drawChart } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { plainColour } from './palette.ts';

/** Side of a cell in units of the chart, and cells in a row that are labelled with their number. */
const [CELL, MOST_LABELLED] = [42, 20];

export interface HeatMap {
  /** Titles of rows and columns. */
  readonly titles: readonly [rows: string, columns: string];
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** `[rows][columns]`; each row is shaded by its shares. */
  readonly counts: readonly (readonly number[])[];
}

/** Draws counts as a table of cells, each the darker the larger its share of its row. */
export function drawHeatMap({ titles, rows, columns, counts }: HeatMap): Promise<Drawing> {
  const values = rows.flatMap((row, i) => {
    const sum = counts[i]?.reduce((total, count) => total + count, 0) || 1;
    return columns.map((column, j) => {
      const count = counts[i]?.[j] ?? 0;
      return { row, column, count: count > 0 ? count.toLocaleString('en') : '', share: count / sum };
    });
  });
  const labelled = columns.length <= MOST_LABELLED;
  const side = labelled ? CELL : CELL / 2;
  const axis = (field: string, title: string, sort: readonly string[], orient: string) => ({
    field,
    type: 'nominal',
    sort,
    axis: { title, orient, labelAngle: 0, domain: false, ticks: false, labelLimit: 120 },
  });
  const numbers = {
    mark: { type: 'text', fontSize: 11 },
    encoding: {
      text: { field: 'count', type: 'nominal' },
      color: { condition: { test: 'datum.share > 0.5', value: 'white' }, value: '#222222' },
    },
  };
  return drawChart({
    data: { values },
    width: side * columns.length,
    height: side * rows.length,
    encoding: { x: axis('column', titles[1], columns, 'top'), y: axis('row', titles[0], rows, 'left') },
    layer: [
      {
        mark: { type: 'rect' },
        encoding: {
          color: {
            field: 'share',
            type: 'quantitative',
            scale: { domain: [0, 1], range: ['#f4f6f9', plainColour] },
            legend: null,
          },
        },
      },
      ...(labelled ? [numbers] : []),
    ],
  });
}
