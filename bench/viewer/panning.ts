import type { Page } from 'playwright-core';

/** How the map is moved: dragged back and forth, or zoomed in and out by the wheel. */
export type Movement = 'pan' | 'zoom';

/** Times between frames, in milliseconds, while the map is moved for `count` frames. */
export async function moveMap(page: Page, count: number, movement: Movement): Promise<number[]> {
  await page.waitForSelector('[data-points]');
  return page.evaluate(
    async ({ count, movement }) => {
      const canvas = document.querySelector<HTMLElement>('[data-points] canvas, canvas[data-points]');
      if (!canvas) throw new Error('there is no map');
      const box = canvas.getBoundingClientRect();
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      const at = (shift: number) => ({ bubbles: true, clientX: x + shift, clientY: y + shift / 2 });
      const press = { pointerId: 1, pointerType: 'mouse', isPrimary: true } as const;
      const send = (type: string, shift: number, buttons: number) =>
        canvas.dispatchEvent(
          // The right button pans even where the left one decodes.
          new PointerEvent(type, { ...at(shift), ...press, button: type === 'pointermove' ? -1 : 2, buttons }),
        );
      const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
      if (movement === 'pan') send('pointerdown', 0, 2);
      const times: number[] = [];
      const views = new Set<string | null | undefined>();
      let before = await frame();
      for (let i = 0; i < count; i++) {
        if (movement === 'pan') send('pointermove', 120 * Math.sin(i / 9), 2);
        else
          canvas.dispatchEvent(new WheelEvent('wheel', { ...at(0), deltaY: -20 * Math.cos(i / 18), cancelable: true }));
        const now = await frame();
        views.add(document.querySelector('[data-points]')?.getAttribute('data-view'));
        times.push(now - before);
        before = now;
      }
      if (movement === 'pan') send('pointerup', 0, 0);
      if (views.size < count / 4) throw new Error(`the map moved only ${views.size} times in ${count} frames`);
      return times;
    },
    { count, movement },
  );
}

/** Times between frames of a page that draws nothing. */
export async function emptyFrames(page: Page, count: number): Promise<number[]> {
  const empty = await page.context().newPage();
  await empty.goto('about:blank');
  const times = await empty.evaluate(async (count) => {
    const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
    const times: number[] = [];
    let before = await frame();
    for (let i = 0; i < count; i++) {
      const now = await frame();
      times.push(now - before);
      before = now;
    }
    return times;
  }, count);
  await empty.close();
  return times;
}
