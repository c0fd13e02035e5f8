// Colours of the theme, read once: to ask the browser for one makes it compute all styles anew.

const known = new WeakMap();

const findRoot = (element) => element.closest(".explorer");

export function colour(element, name) {
  const root = findRoot(element);
  if (!known.has(root)) known.set(root, {});
  return (known.get(root)[name] ??= getComputedStyle(root).getPropertyValue(name).trim());
}

// the theme is another one now
export function forgetColours(element) {
  known.delete(findRoot(element));
}
