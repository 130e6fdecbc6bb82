// The colours and fonts of the page, for canvases, and a signal when they change.

export const SHAPES = 8; // classes with different colours and outlines; further classes repeat them

// Filled by followTheme: ink, soft, line, card, same, different; classes: one colour each; family; text in pixels.
export const theme = { classes: [] };

export const font = (scale = 1, weight = 400) => `${weight} ${theme.text * scale}px ${theme.family}`;

// Reads the theme now and whenever it may have changed, and then calls repaint. gone: an AbortSignal that ends it.
export function followTheme(root, gone, repaint) {
  const read = () => {
    const style = getComputedStyle(root);
    for (const name of ["ink", "soft", "line", "card", "same", "different"])
      theme[name] = style.getPropertyValue(`--${name}`).trim();
    theme.classes = Array.from({ length: SHAPES }, (_, k) => style.getPropertyValue(`--class-${k}`).trim());
    theme.family = style.fontFamily;
    theme.text = 0.8 * parseFloat(style.fontSize);
    repaint();
  };
  read();
  window.addEventListener("resize", read, { signal: gone });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", read, { signal: gone });
  const observer = new MutationObserver(read);
  for (const node of [document.documentElement, document.body])
    observer.observe(node, { attributes: true, attributeFilter: ["class", "style", "data-theme"] });
  gone.addEventListener("abort", () => observer.disconnect());
  document.fonts?.ready.then(read);
}
