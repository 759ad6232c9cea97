// What Gradio leaves out for those who use a keyboard or a screen reader: one tab stop for each group, with arrow keys inside;
// roles, states and names; a voice for the status line.  words: names that are said, in the page's language.
(words => {
  let count = 0;
  const idOf = element => element.id || (element.id = `named-${++count}`);
  const set = (element, name, value) => { if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value); };
  const each = (selector, work, root = document) => root.querySelectorAll(selector).forEach(work);
  const shown = element => element.checkVisibility();

  // One tab stop for each group.  [the group, its members, whether an arrow key presses the one that it comes to]
  const GROUPS = [
    ['[role=tablist]', '[role=tab]', true], ['.thumbs', '.thumb'], ['.grid-container', '.thumbnail-item'],
    ['.thumbnails', '.thumbnail-item'], ['.plots .field', '.dot'], ['.source-selection', 'button'],
  ];
  const STEPS = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};
  const stop = (members, one) => members.forEach(other => set(other, 'tabindex', other === one ? 0 : -1));
  const chosen = members => members.find(one => one === document.activeElement)
    ?? members.find(one => one.ariaSelected === 'true' || one.classList.contains('selected'))
    ?? members.find(one => one.getAttribute('tabindex') === '0') ?? members[0];
  document.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    for (const [group, member, press] of GROUPS) {
      const one = event.target.closest?.(member), whole = one?.closest(group);
      if (!whole || group === '.thumbnails') continue;  // there Gradio listens to the arrows
      const members = [...whole.querySelectorAll(member)].filter(shown), at = members.indexOf(one);
      const next = event.key === 'Home' ? members[0] : event.key === 'End' ? members.at(-1)
        : STEPS[event.key] && members[(at + STEPS[event.key] + members.length) % members.length];
      if (!next) return;
      event.preventDefault();
      stop([...whole.querySelectorAll(member)], next);
      next.focus();
      if (press) next.click();
      return;
    }
    if (event.target.matches?.('[data-testid=slider]') && STEPS[event.key]) {
      event.preventDefault();
      slide(event.target, STEPS[event.key] * (event.shiftKey ? 0.1 : 0.02));
    }
  });

  // The slider of before and after follows a mouse only: an arrow key moves a mouse for it, by a share of the width.
  const slide = (handle, share) => {
    const box = handle.getBoundingClientRect(), field = handle.parentElement.getBoundingClientRect();
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const mouse = (target, type, clientX) =>
      target.dispatchEvent(new MouseEvent(type, {bubbles: true, cancelable: true, view: window, clientX, clientY: y}));
    mouse(handle, 'mousedown', x);
    mouse(window, 'mousemove', Math.min(field.right, Math.max(field.x, x + share * field.width)));
    mouse(window, 'mouseup', x);
    soon();
  };

  document.addEventListener('click', event => {
    if (!event.target.closest?.('.skip')) return;
    [...document.querySelectorAll('button.run')].find(shown)?.focus();
  });

  const heading = element => {  // what stands over it: its own label, or that of its fold
    const label = element.closest('.block')?.querySelector('[data-testid=block-label]')?.textContent.trim();
    return label || element.closest('.gr-accordion')?.querySelector('.label-wrap > span').textContent.trim() || words.picture;
  };

  const mend = () => {
    for (const [group, member] of GROUPS)
      each(group, whole => { const all = [...whole.querySelectorAll(member)]; if (all.length) stop(all, chosen(all)); });
    each('fieldset', fieldset => {  // Gradio gives each radio button a name of its own: no two are alternatives
      const label = fieldset.querySelector('[data-testid=block-info]');
      if (label) set(fieldset, 'aria-labelledby', idOf(label));
      const radios = fieldset.querySelectorAll('input[type=radio]');
      if (radios.length) set(fieldset, 'role', 'radiogroup');
      const name = idOf(fieldset);
      radios.forEach(radio => {
        if (radio.name === name) return;
        const was = radio.checked;
        radio.name = name;
        radio.checked = was;
      });
      each('input[title]', input => input.removeAttribute('title'), fieldset);  // the value, under a name that only programs know
    });
    each('.gr-accordion > .label-wrap', button => {
      set(button, 'aria-expanded', button.classList.contains('open'));
      set(button, 'aria-controls', idOf(button.nextElementSibling));
      each('.icon', icon => set(icon, 'aria-hidden', true), button);
    });
    each('.tabs', tabs => {
      const tab = tabs.querySelector('[role=tab][aria-selected=true]');
      const panel = [...tabs.querySelectorAll('[role=tabpanel]')].find(shown);
      if (!tab || !panel) return;
      set(tab, 'aria-controls', idOf(panel));
      set(panel, 'aria-labelledby', idOf(tab));
      each('[role=tab][aria-controls=""]', other => other.removeAttribute('aria-controls'), tabs);
    });
    each('.image-container > button:not([aria-label])', button => set(button, 'aria-label', heading(button)));
    each(':is(.source, .result) img[alt=""]', image => { if (!image.closest('button')) image.alt = heading(image); });
    each('.empty[aria-label]', empty => set(empty, 'role', 'img'));
    each('[data-testid=slider]', handle => {
      const cut = handle.parentElement.querySelector('img.fixed')?.style.clipPath.match(/([\d.]+)%\)$/);
      set(handle, 'role', 'slider');
      set(handle, 'tabindex', 0);
      set(handle, 'aria-label', heading(handle));
      set(handle, 'aria-valuemin', 0);
      set(handle, 'aria-valuemax', 100);
      set(handle, 'aria-valuenow', Math.round(cut ? cut[1] : 50));
    });
    each('.header nav a', link => link.lang === document.documentElement.dataset.language && set(link, 'aria-current', true));
    each('.api-docs .banner-wrap > button', button => set(button, 'aria-label', words.close));
    each('.api-docs .snippet', item => {
      set(item.parentElement, 'role', 'tablist');
      set(item, 'role', 'tab');
      set(item, 'aria-selected', item.classList.contains('current-lang'));
    });
    each('.api-docs .copy > button:not([aria-label])', button => set(button, 'aria-label', words.copy));
    each('.api-docs :is(pre, p[style*=overflow-x])', code => code.scrollWidth > code.clientWidth && set(code, 'tabindex', 0));
    each('.toast-header[role=button]', header => {  // it has a button of its own, which closes
      header.removeAttribute('role');
      header.removeAttribute('tabindex');
    });
    speak();
  };

  // The status line is drawn anew with every step, which no screen reader follows: this one speaks, and not too often.
  const voice = document.createElement('p');
  voice.className = 'unseen';
  voice.setAttribute('role', 'status');
  const OFTEN = 8000;  // milliseconds between two words about the same work
  const said = new WeakMap();  // of each line, what was heard last
  let spoken = 0;
  const speak = () => {
    for (const line of [...document.querySelectorAll('.status-line')].filter(shown)) {
      const status = line.querySelector('.status'), now = status?.querySelector('p').innerText.trim();
      if (!now || now === said.get(line) || status.matches('.failed')) continue;  // a failure has its own message, which speaks
      const first = !said.has(line);  // what a tab opens with is no news
      if (!first && !status.matches('.done, .stopped') && Date.now() - spoken < OFTEN) continue;
      said.set(line, now);
      if (!first) [voice.textContent, spoken] = [now, Date.now()];
    }
  };

  let due = 0;
  const soon = () => { due ||= setTimeout(() => { due = 0; mend(); }, 60); };
  const begin = () => {
    document.body.append(voice);
    new MutationObserver(soon).observe(document.body, {
      subtree: true, childList: true, attributes: true, attributeFilter: ['class', 'aria-selected', 'aria-label'],
    });
    soon();
  };
  document.body ? begin() : document.addEventListener('DOMContentLoaded', begin);
})
