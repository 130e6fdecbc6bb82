// The page's language: Chinese for a Chinese browser, else English.

export const language = (globalThis.navigator?.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";

// A text that Python sent in both languages ({ en, zh }), in the page's language; a plain string stays as it is.
export const inLanguage = (text) => (typeof text === "string" ? text : text[language]);

// The words of one widget in the page's language, and `say`, which fills the gaps of a word: {name} ← values.name.
export function speak(texts) {
  const words = texts[language] ?? {};
  const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  return { words, say };
}
