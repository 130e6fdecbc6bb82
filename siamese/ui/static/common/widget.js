// Starts a widget: loads its module and gives it its context. siamese/ui/widget.py explains how to write a widget.

import { inLanguage, language, speak } from "./language.js";

const PATIENCE = 12000; // milliseconds to wait for a server function

// `gradio` is what Gradio hands to a component's script; the second argument comes from Widget's constructor.
export async function start(gradio, { module, texts, data }) {
  const { mount } = await import(module);
  const { element, props, trigger, server, upload, watch } = gradio;
  const ask = (name, ...values) => answerOf(server[name](values));
  const root = element.firstElementChild;
  root.lang = language === "zh" ? "zh-CN" : "en";
  mount({ root, props, trigger, upload, watch, ask, data, language, gone: goneFrom(element), ...speak(texts ?? {}) });
}

// The answer of a server function, with its error in the page's language; undefined where it failed or took too long.
async function answerOf(promise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE)));
  try {
    const answer = (await Promise.race([promise, late])) ?? undefined;
    return answer?.error ? { ...answer, error: inLanguage(answer.error) } : answer;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

// One observer for all widgets, because Gradio does not say when it removes a component from the page.
const mounted = new Map();
const observer = new MutationObserver(() => {
  for (const [element, controller] of mounted) {
    if (element.isConnected) continue;
    mounted.delete(element);
    controller.abort();
  }
  if (!mounted.size) observer.disconnect();
});

function goneFrom(element) {
  const controller = new AbortController();
  mounted.set(element, controller);
  observer.observe(document.body, { childList: true, subtree: true });
  return controller.signal;
}
