import * as z from 'zod/mini';
import { awaitedRow } from '../../state/explore.ts';
import { flag, oneOf } from '../../state/parameter-kinds.ts';
import type { Parameter } from '../../state/parameters.ts';
import { selectedRow } from '../../state/store.ts';
import type { PortableView } from './camera.ts';
import type { Renamed } from './columns.ts';
import { type MapState, THUMBNAILS, type Thumbnails } from './create-map.ts';
import { selectionOfText, textOfSelection } from './selection.ts';
import { ZOOM } from './transform.ts';

const numbersOf = (text: string | null): readonly number[] => {
  const numbers = text?.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part))) ?? [];
  return numbers.every(Number.isFinite) ? numbers : [];
};

/** What a link says of the map, in the order in which it is applied. */
export const mapParameters = (map: MapState): readonly Parameter[] => [
  {
    key: 'axes',
    read: () => map.axes.value?.toString() ?? null,
    write: (text) => {
      const [x = -1, y = -1, ...rest] = numbersOf(text);
      const isDimension = (d: number) => Number.isInteger(d) && d >= 0 && d < map.latentSize.value;
      const method = map.methods.value.find((method) => method === text);
      map.axes.value = method ?? (rest.length === 0 && isDimension(x) && isDimension(y) ? [x, y] : null);
    },
  },
  {
    key: 'names',
    read: () => (Object.keys(map.table.renamed.value).length > 0 ? JSON.stringify(map.table.renamed.value) : null),
    write: (text) => {
      map.table.renamed.value = renamedOf(text);
    },
  },
  {
    key: 'size',
    read: () => {
      const { shown, side } = map.thumbnails.value;
      return shown === THUMBNAILS.shown && side === THUMBNAILS.side ? null : `${shown},${side}`;
    },
    write: (text) => {
      const [shown, side] = text?.split(',') ?? [];
      const known = (['off', 'zoom', 'always'] as const).find((one) => one === shown);
      map.thumbnails.value = known ? { shown: known, side: sideOf(Number(side)) } : THUMBNAILS;
    },
  },
  oneOf('tool', map.chosenTool, [null, 'decode', 'move', 'lasso']),
  {
    key: 'select',
    read: () => map.selection.value && textOfSelection(map.selection.value),
    write: (text) => {
      map.selection.value = selectionOfText(text);
    },
  },
  flag('only', map.onlySelected, false),
  flag('plane', map.showPlane, true),
  {
    key: 'view',
    read: () => {
      const { value } = map.view;
      return value && [value.x, value.y, value.zoom].map((number) => Number(number.toPrecision(6))).join(',');
    },
    write: (text) => {
      const view = viewOf(numbersOf(text));
      map.linkedRow.value = view && (selectedRow.peek() ?? awaitedRow.peek());
      map.view.value = view;
    },
  },
];

const sideOf = (side: number): Thumbnails['side'] =>
  Number.isFinite(side) ? Math.round(Math.min(96, Math.max(12, side))) : THUMBNAILS.side;

function viewOf([x, y, zoom, ...rest]: readonly number[]): PortableView | null {
  if (x === undefined || y === undefined || zoom === undefined || rest.length > 0) return null;
  return { x, y, zoom: Math.min(ZOOM.max, Math.max(ZOOM.min, zoom)) };
}

const name = z.string().check(z.maxLength(100));
const namesByCode = z.record(z.string().check(z.regex(/^\d{1,5}$/)), name);

/** New names of categories in a link, which may be anything. */
function renamedOf(text: string | null): Renamed {
  try {
    return z.record(z.string(), namesByCode).parse(JSON.parse(text ?? '{}'));
  } catch {
    return {};
  }
}
