// What the rooms that draw themselves begin with: Inside, and both floors of Train.
const doc = document, root = doc.documentElement;
const clamp = (v, low, high) => Math.min(high, Math.max(low, v));
function el(name, settings = {}, ...inner) {
  const one = doc.createElement(name);
  for (const [key, value] of Object.entries(settings)) {
    if (key.startsWith('on')) one.addEventListener(key.slice(2), value);
    else if (key === 'data') Object.assign(one.dataset, value);
    else if (key === 'text') one.textContent = value;
    else if (value === true) one.setAttribute(key, '');
    else if (value !== false && value !== null && value !== undefined) one.setAttribute(key, value);
  }
  one.append(...inner.filter(part => part !== null && part !== undefined));
  return one;
}
const button = (text, act, more = {}) => el('button', {type: 'button', text, onclick: act, ...more});
