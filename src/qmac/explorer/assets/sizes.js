// Sizes of canvases as they were laid out last: to ask for one lays the page out anew where a text has changed.

const known = new WeakMap();
const observer = new ResizeObserver((entries) => {
  for (const { target } of entries) known.set(target, [target.clientWidth, target.clientHeight]);
});

export function findSize(canvas) {
  if (!known.has(canvas)) {
    known.set(canvas, [canvas.clientWidth, canvas.clientHeight]);
    observer.observe(canvas);
  }
  return known.get(canvas);
}
