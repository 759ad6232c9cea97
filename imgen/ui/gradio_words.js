// Says in Chinese what Gradio has in English only: texts, tooltips and the names that a screen reader speaks.
// phrases: [English, Chinese] that hold everywhere, and those that hold on the page about the endpoints alone.
(phrases => {
  if (document.documentElement.dataset.language !== 'zh') return;
  const ATTRIBUTES = ['title', 'aria-label', 'placeholder', 'alt'];
  const OTHERS = 'pre, code, script, style, textarea, .lesson-text, .en, .zh';  // code, and words of our own
  const plain = words => words.trim().replace(/\s+/g, ' ');
  const dictionary = pairs => {
    const exact = new Map(), patterns = [];
    for (const [english, chinese] of pairs) {
      const names = english.match(/{\w+}/g);
      const parts = english.split(/{\w+}/).map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      if (names) patterns.push([RegExp('^' + parts.join('(.+?)') + '$'), names, chinese]);
      else exact.set(english, chinese);
    }
    const say = words => {
      if (exact.has(words)) return exact.get(words);
      for (const [pattern, names, chinese] of patterns) {
        const found = words.match(pattern);
        if (found) return names.reduce((said, name, n) => said.replace(name, () => exact.get(found[n + 1]) ?? found[n + 1]), chinese);
      }
    };
    return say;
  };
  const everywhere = dictionary(phrases.everywhere), api = dictionary([...phrases.everywhere, ...phrases.api]);
  const inChinese = (words, element) => words ? (element.closest('.api-docs') ? api : everywhere)(plain(words)) : undefined;

  const text = node => {
    const element = node.parentElement;
    if (!element || element.closest(OTHERS)) return;
    const chinese = inChinese(node.data, element);
    if (chinese !== undefined) {
      if (node.data !== chinese) node.data = chinese;
      // The s of a plural is a piece of its own.
      for (let next = node.nextSibling; next && element.closest('.api-docs'); next = next.nextSibling)
        if (next.nodeType === Node.TEXT_NODE) { if (next.data.trim() === 's') next.data = ''; break; }
    }
  };
  const attributes = element => {
    for (const name of ATTRIBUTES) {
      const chinese = inChinese(element.getAttribute(name), element);
      if (chinese !== undefined) element.setAttribute(name, chinese);
    }
  };
  const all = root => {
    if (root.nodeType === Node.TEXT_NODE) return text(root);
    if (root.nodeType !== Node.ELEMENT_NODE) return;
    attributes(root);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) node.nodeType === Node.TEXT_NODE ? text(node) : attributes(node);
  };
  all(document.documentElement);
  new MutationObserver(changes => {
    for (const change of changes) {
      if (change.type === 'characterData') text(change.target);
      else if (change.type === 'attributes') attributes(change.target);
      else change.addedNodes.forEach(all);
    }
  }).observe(document.documentElement, {subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES});
})
